// Jobs: what waits, runs and failed, queue by queue.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Job, QueueLength } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { put, query } from "../app/router";
import { say, sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { useEvery } from "../parts/every";
import { PageHead } from "../parts/head";
import { Icon, type IconName } from "../parts/icon";
import { Menu } from "../parts/menu";
import { usePages } from "../parts/pages";
import { Chips, Facts, More, Progress, Row, Rows } from "../parts/rows";
import { ago } from "../parts/time";
import { words } from "../words";
import { percentOf, saidOf } from "./words";

const QUEUES = ["imports", "downloads", "exports", "maintenance", "network"] as const;
const ICONS: Record<string, IconName> = { imports: "inbox", downloads: "download", exports: "export", maintenance: "health", network: "link" };
const STATES = ["running", "available", "discarded", "completed", "cancelled"] as const;
const PAGE = 50;
const LOOK_AGAIN_MS = 3000;

/** Older servers cannot hold a queue; those that can say whether it is held. */
type Queue = QueueLength & { paused?: boolean };

export function JobsPage() {
  const { jobs: said } = words.value;
  const state = STATES.find((one) => one === query.value.get("state")) ?? "";
  const queue = query.value.get("queue") ?? "";
  useEvery(LOOK_AGAIN_MS, () => spoil("jobs"));
  return (
    <div class="narrow">
      <PageHead title={said.page}>
        <StartMenu />
      </PageHead>
      <QueueTiles chosen={queue} />
      <div class="bar">
        <Chips
          label={said.state}
          all={[["", said.all], ...STATES.map((one): [(typeof STATES)[number], string] => [one, said.states[one] ?? one])]}
          chosen={state}
          choose={(one) => put({ state: one || null })}
        />
      </div>
      <JobList key={`${state} ${queue}`} state={state} queue={queue} />
    </div>
  );
}

/** What can be begun by hand, instead of waiting for its hour. */
function StartMenu() {
  const { jobs: said } = words.value;
  const start = async (run: () => Promise<unknown>) => {
    try {
      await run();
      say(said.begun, { kind: "good" });
    } catch (error) {
      sayProblem(error);
    }
    spoil("jobs");
  };
  const items: { label: string; icon: IconName; run: () => void }[] = [
    { label: said.starts.inbox, icon: "inbox", run: () => void start(() => api("POST /api/import/trigger")) },
    { label: said.starts.rescan, icon: "library", run: () => void start(() => api("POST /api/admin/rescan", { body: null })) },
    { label: said.starts.verify, icon: "health", run: () => void start(() => api("POST /api/admin/integrity/verify", { body: { scope: "slice" } })) },
    { label: said.starts.relink, icon: "heart", run: () => void start(() => api("POST /api/admin/relink")) },
    { label: said.starts.backup, icon: "download", run: () => void start(() => api("POST /api/admin/backup/trigger")) },
  ];
  return (
    <Menu label={said.start} class="button" items={items}>
      <Icon name="play" size={18} /> {said.start}
    </Menu>
  );
}

function QueueTiles({ chosen }: { chosen: string }) {
  const found = useResource("queues", (signal) => api("GET /api/jobs/queues", { signal }), ["jobs"]);
  const items = (found.data.value?.items ?? []) as Queue[];
  return (
    <div class="tiles queues" aria-busy={!found.data.value}>
      {QUEUES.map((name) => (
        <QueueTile key={name} name={name} of={items.find((one) => one.queue === name)} isChosen={chosen === name} />
      ))}
    </div>
  );
}

function QueueTile({ name, of, isChosen }: { name: (typeof QUEUES)[number]; of: Queue | undefined; isChosen: boolean }) {
  const { jobs: said, house, locale } = words.value;
  const { running = 0, ready = 0, put_off: later = 0, failed = 0, oldest, paused: isPaused } = of ?? {};
  const hold = async () => {
    try {
      const path = { queue: name };
      await (isPaused ? api("POST /api/jobs/queues/{queue}/resume", { path }) : api("POST /api/jobs/queues/{queue}/pause", { path }));
    } catch (error) {
      sayProblem(error);
    }
    spoil("jobs");
  };
  return (
    <div class="figure-box">
      <button type="button" class="figure" aria-pressed={isChosen} onClick={() => put({ queue: isChosen ? null : name })}>
        <span class="figure-name">
          <Icon name={ICONS[name] ?? "jobs"} size={18} /> {said.queues[name]}
          {isPaused && <Badge kind="warn">{said.paused}</Badge>}
        </span>
        <strong>{running > 0 ? said.running(running) : ready > 0 ? said.ready(ready) : said.idle}</strong>
        <small class="muted">
          <Facts of={[running > 0 && ready > 0 && said.ready(ready), later > 0 && said.later(later), ready > 0 && oldest && said.oldest(ago(oldest, locale))]} />
          {failed > 0 && <span class="is-bad"> {said.failed(failed)}</span>}
        </small>
      </button>
      {isPaused !== undefined && (
        <button type="button" class="button small" aria-label={house.of(isPaused ? said.resume : said.pause, said.queues[name])} onClick={() => void hold()}>
          <Icon name={isPaused ? "play" : "pause"} size={16} /> {isPaused ? said.resume : said.pause}
        </button>
      )}
    </div>
  );
}

function JobList({ state, queue }: { state: string; queue: string }) {
  const { jobs: said } = words.value;
  const list = usePages<Job, number>(
    `jobs ${state} ${queue}`,
    async (before, signal) => {
      const asked = { state: state || null, queue: queue || null, before: before ?? null, limit: PAGE };
      const page = await api("GET /api/jobs", { query: asked, signal });
      return { items: page.items, next: page.next_before };
    },
    ["jobs"],
  );
  if (!list.items) return list.problem ? <Failed problem={list.problem} again={list.again} /> : <SkeletonLines />;
  if (list.items.length === 0) return <Empty icon="jobs" title={said.none} hint={said.noneHint} />;
  const failed = list.items.filter((job) => job.state === "discarded");
  const retryAll = async () => {
    for (const { id } of failed) await api("POST /api/jobs/{id}/retry", { path: { id } }).catch(sayProblem);
    spoil("jobs");
  };
  return (
    <>
      {state === "discarded" && (
        <p class="part">
          <button type="button" class="button small" onClick={() => void retryAll()}>
            <Icon name="refresh" size={16} /> {said.retryAll(failed.length)}
          </button>
        </p>
      )}
      <Rows label={said.page}>
        {list.items.map((job) => (
          <JobRow key={job.id} job={job} />
        ))}
      </Rows>
      <More isThere={list.hasMore} isBusy={list.isBusy} run={list.more} />
    </>
  );
}

const KINDS: Record<string, "good" | "bad" | "warn"> = { completed: "good", discarded: "bad", running: "warn" };

function JobRow({ job }: { job: Job }) {
  const { jobs: said, house, cancel, retry, locale } = words.value;
  const name = said.kinds[job.kind] ?? job.kind;
  const run = async (act: () => Promise<unknown>) => {
    try {
      await act();
    } catch (error) {
      sayProblem(error);
    }
    spoil("jobs");
  };
  const path = { id: job.id };
  const isOpen = job.state === "available" || job.state === "running";
  const when = job.finished_at ?? job.attempted_at ?? job.created_at;
  const isLater = job.state === "available" && new Date(job.run_at).getTime() > Date.now();
  return (
    <Row
      icon={ICONS[job.queue] ?? "jobs"}
      kind={KINDS[job.state] === "warn" ? undefined : KINDS[job.state]}
      title={
        <>
          {name} <Badge kind={KINDS[job.state] ?? ""}>{job.cancel_requested && isOpen ? said.ending : (said.states[job.state] ?? job.state)}</Badge>
        </>
      }
      below={
        <Facts
          of={[`#${job.id}`, isLater ? said.due(ago(job.run_at, locale)) : ago(when, locale), job.attempt > 1 && said.attempt(job.attempt, job.max_attempts), saidOf(job.progress)]}
        />
      }
      tools={
        isOpen ? (
          <button type="button" class="button small" disabled={job.cancel_requested} aria-label={house.of(cancel, name)} onClick={() => void run(() => api("POST /api/jobs/{id}/cancel", { path }))}>
            {cancel}
          </button>
        ) : (
          job.state !== "completed" && (
            <button type="button" class="button small" aria-label={house.of(retry, name)} onClick={() => void run(() => api("POST /api/jobs/{id}/retry", { path }))}>
              {retry}
            </button>
          )
        )
      }
    >
      {job.state === "running" && <Progress percent={percentOf(job.progress)} label={name} />}
      {job.error && <p class={job.state === "discarded" ? "row-problem" : "row-below"}>{job.error}</p>}
      <Inside job={job} />
    </Row>
  );
}

/** What it was given and what came of it, for whoever looks closer. */
function Inside({ job }: { job: Job }) {
  const { house } = words.value;
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{house.details}</summary>
      {isOpen && (
        <pre class="output" tabIndex={0}>
          {[job.kind, job.payload, job.result]
            .filter((part) => part !== null && part !== undefined)
            .map((part) => (typeof part === "string" ? part : JSON.stringify(part, null, 2)))
            .join("\n")}
        </pre>
      )}
    </details>
  );
}
