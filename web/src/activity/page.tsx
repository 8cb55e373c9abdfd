// Who did what; and what was edited, with the way back.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Activity, Edit } from "../api/schema";
import { useResource } from "../api/store";
import { put, query } from "../app/router";
import { isAdmin } from "../app/session";
import { Preview } from "../edits/preview";
import { undo } from "../edits/save";
import { Badge } from "../parts/badge";
import { Dialog } from "../parts/dialog";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { FormProblem } from "../parts/form";
import { PageHead } from "../parts/head";
import { Icon } from "../parts/icon";
import { Menu } from "../parts/menu";
import { usePages } from "../parts/pages";
import { Chips, Facts, More, Row, Rows } from "../parts/rows";
import { ago, day, moment } from "../parts/time";
import { words } from "../words";
import { addressOf, byDay, iconOf, thingOf } from "./line";

const PAGE = 60;
const FILTERS = ["heart", "album_imported", "import_approved", "quality_upgrade", "delete", "restore", "metadata_updated", "download_started", "export", "settings_update"];

export function ActivityPage() {
  const { activity: said } = words.value;
  const show = query.value.get("show") === "edits" ? "edits" : "all";
  const action = query.value.get("action") ?? "";
  return (
    <div class="narrow">
      <PageHead title={said.page}>{show === "all" && <FilterMenu chosen={action} />}</PageHead>
      <Chips
        label={said.shown}
        all={[
          ["all", isAdmin.value ? said.everyone : said.mine],
          ["edits", said.edits],
        ]}
        chosen={show}
        choose={(one) => put({ show: one === "edits" ? one : null, action: null })}
      />
      {show === "edits" ? <Edits /> : <Lines key={action} action={action} />}
    </div>
  );
}

function FilterMenu({ chosen }: { chosen: string }) {
  const { activity: said } = words.value;
  const items = ["", ...FILTERS].map((one) => ({ label: one ? (said.actions[one] ?? one) : said.anything, isChosen: one === chosen, run: () => put({ action: one || null }) }));
  return (
    <Menu label={said.filter} class="button" items={items}>
      <Icon name="filter" size={18} /> {chosen ? (said.actions[chosen] ?? chosen) : said.filter}
    </Menu>
  );
}

function Lines({ action }: { action: string }) {
  const { activity: said, locale } = words.value;
  const whose = isAdmin.value ? "all" : "mine";
  const list = usePages<Activity, number>(
    `activity ${whose} ${action}`,
    async (offset = 0, signal) => {
      const asked = { query: { limit: PAGE, offset, action: action || null }, signal };
      const { items } = whose === "all" ? await api("GET /api/admin/activity", asked) : await api("GET /api/me/activity", asked);
      return { items, next: items.length === PAGE ? offset + PAGE : null };
    },
    ["activity"],
  );
  if (!list.items) return list.problem ? <Failed problem={list.problem} again={list.again} /> : <SkeletonLines count={8} />;
  if (list.items.length === 0) return <Empty icon="activity" title={said.empty} hint={said.emptyHint} />;
  return (
    <>
      {byDay(list.items).map(([key, lines]) => (
        <section key={key}>
          <h2 class="day">{day(lines[0]?.created_at, locale)}</h2>
          <Rows label={day(lines[0]?.created_at, locale)}>
            {lines.map((line) => (
              <Line key={line.id} line={line} />
            ))}
          </Rows>
        </section>
      ))}
      <More isThere={list.hasMore} isBusy={list.isBusy} run={list.more} />
    </>
  );
}

function Line({ line }: { line: Activity }) {
  const { activity: said, house, locale } = words.value;
  const thing = thingOf(line);
  const address = addressOf(line);
  const verb = said.actions[line.action] ?? line.action.replaceAll("_", " ");
  return (
    <Row
      icon={iconOf(line.action)}
      title={
        <>
          {verb}
          {thing && ": "}
          {thing && (address ? <a href={address}>{thing}</a> : <span dir="auto">{thing}</span>)}
        </>
      }
      below={
        <Facts
          of={[
            line.username ?? house.theHouse,
            <time key="time" dateTime={line.created_at} title={moment(line.created_at, locale)}>
              {ago(line.created_at, locale)}
            </time>,
            isAdmin.value && line.ip_address,
          ]}
        />
      }
    />
  );
}

/** The journal: each change of names and tags, with before and after. */
function Edits() {
  const { activity: said } = words.value;
  const list = usePages<Edit, number>(
    "edits",
    async (before, signal) => {
      const page = await api("GET /api/edits", { query: { before: before ?? null, limit: PAGE }, signal });
      return { items: page.items, next: page.next_before };
    },
    ["edits", "activity"],
  );
  if (!list.items) return list.problem ? <Failed problem={list.problem} again={list.again} /> : <SkeletonLines />;
  if (list.items.length === 0) return <Empty icon="edit" title={said.noEdits} hint={said.noEditsHint} />;
  return (
    <>
      <Rows label={said.edits}>
        {list.items.map((edit) => (
          <EditRow key={edit.id} edit={edit} />
        ))}
      </Rows>
      <More isThere={list.hasMore} isBusy={list.isBusy} run={list.more} />
    </>
  );
}

function EditRow({ edit }: { edit: Edit }) {
  const { activity: said, counts, edits, house, locale, undo: undoWord } = words.value;
  const isDone = edit.state === "done";
  const [isAsking, setAsking] = useState(false);
  return (
    <Row
      icon={edit.undoes ? "refresh" : "edit"}
      kind={edit.state === "failed" ? "bad" : undefined}
      title={
        <>
          {edit.entity_type === "album" || edit.entity_type === "artist" ? <a href={`/${edit.entity_type}/${edit.entity_id}`}>{edit.title}</a> : edit.title}{" "}
          {edit.undoes && <Badge>{said.isUndo}</Badge>}
          {edit.undone_by && <Badge>{said.isUndone}</Badge>}
          {!isDone && <Badge kind={edit.state === "failed" ? "bad" : "warn"}>{said.states[edit.state] ?? said.underWay}</Badge>}
        </>
      }
      below={<Facts of={[house.by(edit.username ?? house.theHouse), ago(edit.created_at, locale), edit.files > 0 && edits.files(counts.files(edit.files))]} />}
      tools={
        edit.can_undo && (
          <button type="button" class="button small" aria-label={house.of(undoWord, edit.title)} onClick={() => setAsking(true)}>
            {undoWord}
          </button>
        )
      }
    >
      {edit.reason && <p class="row-problem">{edit.reason}</p>}
      <details class="fold">
        <summary>{said.changes}</summary>
        <Preview answer={{ status: edit.state, changes: edit.changes, notes: edit.notes }} />
      </details>
      {isAsking && <UndoDialog edit={edit} close={() => setAsking(false)} />}
    </Row>
  );
}

/** What would change back, before it does. */
function UndoDialog({ edit, close }: { edit: Edit; close: () => void }) {
  const { activity: said, cancel, undo: undoWord } = words.value;
  const [isBusy, setBusy] = useState(false);
  const found = useResource(`undo ${edit.id}`, (signal) => api("POST /api/edits/{id}/undo", { path: { id: edit.id }, query: { preview: true }, signal }), ["edits", "library"]);
  const answer = found.data.value;
  const run = async () => {
    setBusy(true);
    await undo(edit.id);
    close();
  };
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {cancel}
      </button>
      <button type="button" class="button primary" disabled={isBusy || !answer} onClick={() => void run()}>
        {undoWord}
      </button>
    </>
  );
  return (
    <Dialog title={said.undoTitle} onClose={close} actions={actions} isWide>
      <p>{said.undoText(edit.title)}</p>
      <FormProblem problem={found.error.value} />
      {answer ? <Preview answer={answer} /> : !found.error.value && <SkeletonLines count={4} />}
    </Dialog>
  );
}
