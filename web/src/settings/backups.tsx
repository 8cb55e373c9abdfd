// Backups: made, kept, and proven to come back.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { BackupRun, Settings } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { say } from "../app/toasts";
import { Badge } from "../parts/badge";
import { Failed, SkeletonLines } from "../parts/empty";
import { FolderField } from "../parts/folders";
import { FormProblem, problemOfField, useSend } from "../parts/form";
import { Icon } from "../parts/icon";
import { Details, Facts, Part, Row, Rows } from "../parts/rows";
import { ago, bytes } from "../parts/time";
import { words } from "../words";
import { SettingsForm } from "./fields";
import { inGroup } from "./value";

const MOST = 20;

export function BackupsTab({ settings }: { settings: Settings }) {
  const { settings: said } = words.value;
  return (
    <>
      <Proven />
      <Part title={said.kept} hint={said.keptHint}>
        <SettingsForm settings={inGroup(settings.settings, "backups")} />
      </Part>
      <MakeNow usual={settings.music_database} />
      <History />
    </>
  );
}

/** A backup is worth what its last restore was. */
function Proven() {
  const { settings: said, health, locale } = words.value;
  const found = useResource("backup status", (signal) => api("GET /api/admin/backup/status", { signal }), ["backups"]);
  const status = found.data.value;
  if (!status) return found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines count={4} />;
  const { last_backup: last, last_drill: drill } = status;
  const isGood = last && last.status !== "failed" && !status.is_overdue && drill?.state !== "failed";
  // A young house has proven nothing yet, and nothing is wrong with it.
  const kind = !isGood ? "warn" : status.last_proven_restore ? "good" : "plain";
  const { destinations, music } = status;
  const carried = (one: { last?: { error?: string | null } | null; last_complete_at?: string | null }) =>
    [one.last_complete_at ? ago(one.last_complete_at, locale) : health.never, one.last?.error].filter(Boolean).join(" · ");
  return (
    <>
      <div class={`banner ${kind}`} role="status">
        <Icon name={kind === "good" ? "check" : kind === "plain" ? "health" : "warning"} size={32} />
        <div>
          <h2>{status.last_proven_restore ? health.proven(ago(status.last_proven_restore, locale)) : health.neverProven}</h2>
          <p>{said.provenHint}</p>
        </div>
      </div>
      <div class="card part">
        <Details
          of={[
            [said.lastBackup, last ? `${ago(last.completed_at ?? last.started_at, locale)} · ${bytes(last.total_size, locale)}` : health.never],
            [said.lastDrill, drill && [said.drills[drill.state] ?? drill.state, ago(drill.finished_at ?? drill.started_at, locale), drill.error].filter(Boolean).join(" · ")],
            [said.drillRead, drill?.rows_restored ? said.rowsAndFiles(drill.rows_restored.toLocaleString(locale), (drill.files_checked ?? 0).toLocaleString(locale)) : null],
            ...destinations.map((one): [string, string] => [one.name || one.to, carried(one)]),
            [said.musicBackup, music?.repository ? `${music.repository} · ${carried(music)}` : null],
          ]}
        />
      </div>
    </>
  );
}

function MakeNow({ usual }: { usual: string }) {
  const { settings: said, jobs } = words.value;
  const [destination, setDestination] = useState(usual);
  const { isBusy, problem, send } = useSend();
  const submit = async (event: Event) => {
    event.preventDefault();
    const isTaken = await send(() => api("POST /api/admin/backup/trigger", { query: { destination: destination === usual ? null : destination } }));
    if (!isTaken) return;
    say(jobs.begun, { kind: "good" });
    spoil("backups", "jobs");
  };
  return (
    <Part title={said.backupNow} hint={said.backupNowHint}>
      <form class="card form-card" onSubmit={(event) => void submit(event)}>
        <FolderField label={said.paths.backups} value={destination} set={setDestination} problem={problemOfField(problem, "destination")} />
        <FormProblem problem={problem} fields={["destination"]} />
        <div class="form-foot">
          <button class="button" disabled={isBusy}>
            {said.backupNow}
          </button>
        </div>
      </form>
    </Part>
  );
}

function History() {
  const { settings: said } = words.value;
  const all = useResource("backups", (signal) => api("GET /api/admin/backup/history", { query: { limit: MOST }, signal }), ["backups"]).data.value?.items;
  if (!all || all.length === 0) return null;
  return (
    <Part title={said.history}>
      <Rows label={said.history}>
        {all.map((run) => (
          <RunRow key={run.id} run={run} />
        ))}
      </Rows>
    </Part>
  );
}

function RunRow({ run }: { run: BackupRun }) {
  const { settings: said, locale } = words.value;
  const kind = run.status === "failed" || run.problem ? "bad" : run.status === "complete" ? "good" : undefined;
  return (
    <Row
      icon={kind === "bad" ? "warning" : "download"}
      kind={kind}
      title={
        <>
          {(run.path ?? run.destination).split("/").at(-1)} <Badge kind={kind ?? ""}>{said.runs[run.status] ?? run.status}</Badge>{" "}
          {run.restored_at && <Badge kind="good">{said.isProven}</Badge>} {run.removed_at && <Badge>{said.isRemoved}</Badge>}
        </>
      }
      below={<Facts of={[ago(run.completed_at ?? run.started_at, locale), bytes(run.total_size, locale), run.destination]} />}
    >
      {[run.error_message, run.problem].filter(Boolean).map((text) => (
        <p key={text} class="row-problem">
          {text}
        </p>
      ))}
      {run.left_out.map((text) => (
        <p key={text} class="row-below">
          {text}
        </p>
      ))}
    </Row>
  );
}
