// Health: whether the house is well, what is not, and the way back.

import { api, isAborted } from "../api/client";
import type { BackupStatus, Health, Integrity, LibraryHealth, System } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { useSources } from "../downloads/ask";
import { Failed, SkeletonLines } from "../parts/empty";
import { useEvery } from "../parts/every";
import { PageHead } from "../parts/head";
import { Icon } from "../parts/icon";
import { Details, Facts, Part, Progress, Row, Rows } from "../parts/rows";
import { SourceRows } from "../parts/sources";
import { ago, bytes } from "../parts/time";
import { words } from "../words";
import { DamagesPart } from "./damages";
import { askHealth, grouped, lampOf } from "./health";

const LOOK_AGAIN_MS = 10_000;

export function StatusPage() {
  const { health: said, shell } = words.value;
  const found = useResource("system", askSystem, ["health"]);
  useEvery(LOOK_AGAIN_MS, () => void found.refresh());
  const health = found.data.value;
  return (
    <div class="narrow">
      <PageHead title={shell.health} aside={health ? said.version(health.version) : ""} />
      {!health && (found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines />)}
      {health && <Whole health={health} />}
      <div class="tiles">
        {health && <Disks of={health.disks} />}
        <BackupFigure />
        <IntegrityFigure />
        <LibraryFigure />
        <QueueFigure />
        <NumbersFigure />
      </div>
      <DamagesPart />
      {health && health.roles.length > 0 && <UnitsPart of={health.roles} />}
      <SourcesPart />
    </div>
  );
}

/** Without its database the house can only say how it is, not more. */
async function askSystem(signal: AbortSignal): Promise<System> {
  try {
    return await api("GET /api/admin/system", { signal });
  } catch (error) {
    if (isAborted(error)) throw error;
    return { ...(await askHealth(signal)), roles: [], disks: [] };
  }
}

function Whole({ health }: { health: Health }) {
  const { health: said } = words.value;
  const kind = health.status === "healthy" ? "good" : health.status === "degraded" ? "warn" : "bad";
  const bad = Object.entries(health.checks).filter(([, code]) => code !== "ok");
  return (
    <>
      <div class={`banner ${kind}`} role="status">
        <Icon name={kind === "good" ? "check" : "warning"} size={32} />
        <div>
          <h2>{said.whole[health.status] ?? health.status}</h2>
          {bad.length > 0 && <p>{bad.map(([part, code]) => `${said.parts[part] ?? part}: ${said.codes[code] ?? code}`).join(" · ")}</p>}
        </div>
      </div>
      <div class="tiles">
        {grouped(health.checks).map(([group, parts]) => (
          <section key={group} class="figure">
            <h3>{said.groups[group] ?? group}</h3>
            <ul class="lamps">
              {parts.map(([part, code]) => (
                <li key={part}>
                  <span class={`lamp ${lampOf(code)}`} />
                  {said.parts[part] ?? part}
                  {code !== "ok" && <span class="muted">{said.codes[code] ?? code}</span>}
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </>
  );
}

function Disks({ of }: { of: System["disks"] }) {
  const { health: said, locale } = words.value;
  return (
    <>
      {of.map((disk) => {
        const used = Math.round((1 - disk.free_bytes / Math.max(1, disk.total_bytes)) * 100);
        return (
          <section key={disk.what} class="figure" title={disk.path}>
            <h3>
              <span class={`lamp ${used >= 95 ? "bad" : used >= 85 ? "warn" : "good"}`} /> {said.disk(said.disks[disk.what] ?? disk.what)}
            </h3>
            <strong>{said.free(bytes(disk.free_bytes, locale))}</strong>
            <Progress percent={used} label={said.full} />
            <p>
              <Facts of={[said.of(bytes(disk.total_bytes, locale)), disk.days_left ? said.daysLeft(disk.days_left) : null]} />
            </p>
          </section>
        );
      })}
    </>
  );
}

/** Each process in its own words. */
function UnitsPart({ of }: { of: System["roles"] }) {
  const { health: said, locale } = words.value;
  return (
    <Part title={said.units} hint={said.unitsHint}>
      <Rows label={said.units}>
        {of.map((one) => (
          <Row
            key={`${one.unit} ${one.host} ${one.started_at}`}
            icon="settings"
            kind={one.is_alive ? "good" : "warn"}
            title={said.parts[one.role] ?? one.role}
            below={<Facts of={[one.unit, one.host, said.since(ago(one.started_at, locale)), !one.is_alive && said.lastSeen(ago(one.seen_at, locale))]} />}
          >
            {one.status && <p class="row-below">{one.status}</p>}
          </Row>
        ))}
      </Rows>
    </Part>
  );
}

function BackupFigure() {
  const { health: said, locale } = words.value;
  const status = useResource<BackupStatus>("backup status", (signal) => api("GET /api/admin/backup/status", { signal }), ["backups"]).data.value;
  if (!status) return null;
  const last = status.last_backup;
  return (
    <section class="figure">
      <h3>
        <span class={`lamp ${last?.status === "failed" ? "bad" : !last || status.is_overdue ? "warn" : "good"}`} /> {said.backup}
      </h3>
      <strong>{last ? ago(last.completed_at ?? last.started_at, locale) : said.never}</strong>
      <p>
        <Facts of={[last && bytes(last.total_size, locale), last?.error_message, status.last_proven_restore ? said.proven(ago(status.last_proven_restore, locale)) : said.neverProven]} />
      </p>
      <p>
        <a class="linked" href="/settings/backups">
          {said.toBackups}
        </a>
      </p>
    </section>
  );
}

function IntegrityFigure() {
  const { health: said, locale } = words.value;
  const of = useResource<Integrity>("integrity", (signal) => api("GET /api/admin/integrity", { signal }), ["integrity"]).data.value;
  if (!of) return null;
  const damaged = Object.values(of.damages).reduce((sum, n) => sum + n, 0);
  const verify = async () => {
    try {
      await api("POST /api/admin/integrity/verify", { body: { scope: "slice" } });
      say(said.verifying);
    } catch (error) {
      sayProblem(error);
    }
    spoil("integrity");
  };
  return (
    <section class="figure">
      <h3>
        <span class={`lamp ${damaged > 0 || of.alarm ? "bad" : "good"}`} /> {said.integrity}
      </h3>
      <strong>{damaged > 0 ? said.damaged(damaged) : said.whole100}</strong>
      <Progress percent={of.verified_pct} label={said.verified} />
      <p>
        <Facts
          of={[said.verifiedPct(of.verified_pct.toLocaleString(locale), of.period_days), of.missing > 0 && said.missing(of.missing), of.next_slice_at && said.next(ago(of.next_slice_at, locale))]}
        />
      </p>
      {of.alarm && <p class="row-problem">{of.alarm}</p>}
      <p>
        <button type="button" class="link-button is-flush" onClick={() => void verify()}>
          {said.verifyNow}
        </button>
      </p>
    </section>
  );
}

function LibraryFigure() {
  const { health: said, counts, locale, shell, sources } = words.value;
  const of = useResource<LibraryHealth>("library health", (signal) => api("GET /api/admin/health", { signal }), ["library"]).data.value;
  if (!of) return null;
  const from = Object.entries(of.albums_by_source).map(([source, n]) => `${sources[source] ?? source} ${n.toLocaleString(locale)}`);
  return (
    <section class="figure">
      <h3>{shell.library}</h3>
      <strong>{counts.albums(of.summary.albums)}</strong>
      <p>
        <Facts of={[counts.tracks(of.summary.tracks), counts.artists(of.summary.artists), bytes(of.summary.total_size_bytes, locale)]} />
      </p>
      <p>
        <Facts of={[said.lossless(of.quality.lossless_pct.toLocaleString(locale)), of.incomplete_albums > 0 && said.incomplete(of.incomplete_albums)]} />
      </p>
      <p>{from.join(" · ")}</p>
    </section>
  );
}

function QueueFigure() {
  const { health: said, jobs, shell } = words.value;
  const items = useResource("queues", (signal) => api("GET /api/jobs/queues", { signal }), ["jobs"]).data.value?.items;
  if (!items) return null;
  const sum = (of: "ready" | "running" | "failed" | "put_off") => items.reduce((all, one) => all + one[of], 0);
  return (
    <section class="figure">
      <h3>
        <span class={`lamp ${sum("failed") > 0 ? "warn" : "good"}`} /> {shell.jobs}
      </h3>
      <strong>{sum("running") + sum("ready") > 0 ? jobs.ready(sum("ready") + sum("running")) : jobs.idle}</strong>
      <Details
        of={[
          [jobs.states.running ?? "", sum("running")],
          [jobs.states.discarded ?? "", sum("failed")],
        ]}
      />
      <p>
        <a class="linked" href="/jobs">
          {said.toJobs}
        </a>
      </p>
    </section>
  );
}

/** How much is asked, and how fast it is answered. */
function NumbersFigure() {
  const { health: said, locale } = words.value;
  const found = useResource("numbers", (signal) => api("GET /api/admin/numbers", { signal }), ["health"]);
  useEvery(LOOK_AGAIN_MS, () => void found.refresh());
  const of = found.data.value;
  if (!of) return null;
  const p95 = of.p95_ms ?? null;
  const digits = (value: number) => value.toLocaleString(locale, { maximumFractionDigits: value < 10 ? 1 : 0 });
  return (
    <section class="figure">
      <h3>
        <span class={`lamp ${of.errors_last_hour > 0 ? "warn" : "good"}`} /> {said.numbers}
      </h3>
      <strong>{said.perMinute(digits(of.requests_per_minute))}</strong>
      <Details
        of={[
          [said.p95, p95 === null ? "–" : `${digits(p95)} ms`],
          [said.errorsLastHour, of.errors_last_hour],
          [said.live, of.live_connections],
        ]}
      />
    </section>
  );
}

function SourcesPart() {
  const { health: said } = words.value;
  const all = useSources().data.value;
  if (!all || all.length === 0) return null;
  return (
    <Part title={said.sources} hint={said.sourcesHint}>
      <SourceRows all={all} />
    </Part>
  );
}
