// The inbox: what waits for a decision, what is arriving, what failed, and what was decided.

import { api } from "../api/client";
import { spoil, useResource } from "../api/store";
import { put, query, rest } from "../app/router";
import { isAdmin } from "../app/session";
import { say, sayProblem } from "../app/toasts";
import { Badge, SourceBadge } from "../parts/badge";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { useEvery } from "../parts/every";
import { PageHead } from "../parts/head";
import { Icon } from "../parts/icon";
import { Chips, Facts, Row, Rows } from "../parts/rows";
import { ago, bytes } from "../parts/time";
import { ChooseFiles } from "../uploads/add";
import { words } from "../words";
import { said as asSaid } from "../words/problems";
import { type Case, folderOf, ofImport, ofReview, titleOf } from "./case";
import { Confidence } from "./confidence";
import { ReviewPage } from "./review";

type Show = "pending" | "arriving" | "failed" | "rejected" | "approved" | "duplicate";
const SHOWS: Show[] = ["pending", "arriving", "failed", "rejected", "approved", "duplicate"];
const STATES: Record<string, string> = { pending: "review", approved: "done" };
const MOST = 100;
const LOOK_AGAIN_MS = 5000;

export function InboxPage() {
  const id = Number(rest.value[0]);
  return id > 0 ? <ReviewPage key={id} id={id} /> : <List />;
}

function List() {
  const { inbox: said } = words.value;
  const asked = query.value.get("show");
  const show = SHOWS.find((one) => one === asked) ?? "pending";
  return (
    <div class="narrow">
      <PageHead title={said.page}>{isAdmin.value && <LookNow />}</PageHead>
      <Chips label={said.shown} all={SHOWS.map((one) => [one, said.shows[one] ?? one] as const)} chosen={show} choose={(one) => put({ show: one === "pending" ? null : one })} />
      {show === "arriving" ? <Arriving /> : <Cases key={show} show={show} />}
    </div>
  );
}

/** Instead of waiting for the next sweep. */
function LookNow() {
  const { inbox: said } = words.value;
  const look = async () => {
    try {
      await api("POST /api/import/trigger");
      say(said.looking);
      spoil("imports");
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <button type="button" class="button" onClick={() => void look()}>
      <Icon name="refresh" size={18} /> {said.lookNow}
    </button>
  );
}

function Cases({ show }: { show: Exclude<Show, "arriving"> }) {
  const { inbox: said } = words.value;
  const admin = isAdmin.value;
  const found = useResource<Case[]>(
    `cases ${show} ${admin}`,
    async (signal) =>
      admin
        ? (await api("GET /api/import/review", { query: { status: show, limit: MOST }, signal })).map(ofReview)
        : (await api("GET /api/import", { query: { state: STATES[show] ?? show, limit: MOST }, signal })).map(ofImport),
    ["review", "imports"],
  );
  const cases = found.data.value;
  if (!cases) return found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines />;
  if (cases.length === 0) {
    const [title, hint] = said.none[show] ?? ["", ""];
    return (
      <Empty icon="inbox" title={title} hint={hint}>
        {show === "pending" && <ChooseFiles />}
      </Empty>
    );
  }
  return (
    <Rows label={said.shows[show] ?? show}>
      {cases.map((one) => (
        <CaseRow key={one.id} one={one} />
      ))}
    </Rows>
  );
}

function CaseRow({ one }: { one: Case }) {
  const { inbox: said, counts, house, locale, show } = words.value;
  const isOpen = one.status === "pending";
  return (
    <Row
      icon={isOpen ? "inbox" : one.status === "approved" ? "check" : one.status === "failed" ? "warning" : "close"}
      kind={isOpen ? "warn" : one.status === "approved" ? "good" : one.status === "failed" ? "bad" : undefined}
      title={
        <>
          <a href={`/inbox/${one.id}`}>{titleOf(one)}</a> <SourceBadge source={one.source} />
        </>
      }
      below={<Facts of={[one.year, one.tracks !== null && counts.tracks(one.tracks), ago(one.createdAt, locale), isOpen && <Confidence key="sure" of={one.confidence} />]} />}
      tools={
        <a class={`button small ${isOpen ? "primary" : ""}`} href={`/inbox/${one.id}`} aria-label={house.of(isOpen ? said.review : show, titleOf(one))}>
          {isOpen ? said.review : show}
        </a>
      }
    >
      {one.reason && <p class="row-below">{asSaid(one.reason)}</p>}
    </Row>
  );
}

/** What lies in the inbox and the download folders, and what each waits for. */
function Arriving() {
  const { inbox: said, counts, locale } = words.value;
  const found = useResource("arriving", (signal) => api("GET /api/import/pending", { signal }), ["imports", "review", "downloads"]);
  useEvery(LOOK_AGAIN_MS, () => void found.refresh());
  const all = found.data.value;
  if (!all) return found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines />;
  if (all.length === 0) {
    return (
      <Empty icon="upload" title={said.none.arriving?.[0] ?? ""} hint={said.none.arriving?.[1] ?? ""}>
        <ChooseFiles />
      </Empty>
    );
  }
  return (
    <Rows label={said.shows.arriving ?? ""}>
      {all.map((one) => (
        <Row
          key={one.path}
          icon="upload"
          title={
            <>
              {folderOf(one.path)} <Badge>{said.arrivals[one.status] ?? one.status}</Badge>
            </>
          }
          below={<Facts of={[counts.files(one.files), bytes(one.size, locale), ago(one.changed_at, locale)]} />}
        >
          <p class="row-below">{asSaid(one.reason)}</p>
        </Row>
      ))}
    </Rows>
  );
}
