// The trash: what was replaced, deleted or came twice; back it goes, or away for good.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { TrashItem } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { go, put, query } from "../app/router";
import { say, sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { Cover } from "../parts/cover";
import { confirm } from "../parts/dialog";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { PageHead } from "../parts/head";
import { Icon } from "../parts/icon";
import { Menu } from "../parts/menu";
import { usePages } from "../parts/pages";
import { Chips, Facts, More, Row, Rows } from "../parts/rows";
import { ago, bytes } from "../parts/time";
import { words } from "../words";
import { said as asSaid } from "../words/problems";
import { TrashFiles } from "./files";

const KINDS = ["", "deleted", "replaced", "duplicate"] as const;
type Kind = (typeof KINDS)[number];
const PAGE = 50;

export function TrashPage() {
  const { bin: said, locale } = words.value;
  const kind = KINDS.find((one) => one === query.value.get("kind")) ?? "";
  const asked = query.value.get("q") ?? "";
  const sums = useResource("trash sums", (signal) => api("GET /api/trash", { query: { limit: 1 }, signal }), ["trash"]).data.value;
  const list = usePages<TrashItem, string>(
    `trash ${kind} ${asked}`,
    async (cursor, signal) => {
      const page = await api("GET /api/trash", { query: { kind: kind || null, q: asked || null, limit: PAGE, cursor: cursor ?? null }, signal });
      return { items: page.items, next: page.next_cursor };
    },
    ["trash"],
  );
  const aside = sums && sums.total > 0 ? said.holds(sums.total, bytes(sums.total_size, locale)) : "";
  return (
    <div class="narrow">
      <PageHead title={said.page} aside={aside}>
        {sums && sums.total > 0 && <EmptyMenu total={sums.total} />}
      </PageHead>
      <div class="bar">
        <Chips label={said.kind} all={KINDS.map((one) => [one, said.kinds[one] ?? one] as const)} chosen={kind} choose={(one: Kind) => put({ kind: one || null })} />
        <input
          type="search"
          class="bar-search"
          value={asked}
          placeholder={said.search}
          aria-label={said.search}
          onInput={(event) => put({ q: event.currentTarget.value.trim() || null })}
        />
      </div>
      {!list.items && (list.problem ? <Failed problem={list.problem} again={list.again} /> : <SkeletonLines />)}
      {list.items?.length === 0 && <Empty icon="trash" title={asked || kind ? said.noMatch : said.empty} hint={said.emptyHint} />}
      {list.items && list.items.length > 0 && (
        <Rows label={said.page}>
          {list.items.map((item) => (
            <TrashRow key={item.id} item={item} />
          ))}
        </Rows>
      )}
      <More isThere={list.hasMore} isBusy={list.isBusy} run={list.more} />
    </div>
  );
}

function EmptyMenu({ total }: { total: number }) {
  const { bin: said } = words.value;
  const empty = (all: boolean) =>
    confirm({
      title: all ? said.emptyAll : said.emptyExpired,
      text: all ? said.emptyAllText(total) : said.emptyExpiredText,
      does: said.remove,
      isDanger: true,
      run: async () => {
        const answer = await api("POST /api/trash/empty", { query: { all } });
        say(answer.pending ? said.onItsWay : said.emptied);
        spoil("trash");
      },
    });
  return (
    <Menu
      label={said.emptyMenu}
      class="button"
      items={[
        { label: said.emptyExpired, icon: "activity", run: () => empty(false) },
        { label: said.emptyAll, icon: "trash", isDanger: true, run: () => empty(true) },
      ]}
    >
      <Icon name="trash" size={18} /> {said.emptyMenu}
    </Menu>
  );
}

function TrashRow({ item }: { item: TrashItem }) {
  const { bin: said, counts, house, locale, show } = words.value;
  const [isBusy, setBusy] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const name = [item.artist, item.title].filter(Boolean).join(" – ");
  const restore = async () => {
    setBusy(true);
    try {
      const answer = await api("POST /api/trash/{id}/restore", { path: { id: item.id } });
      const albumId = item.album_id;
      say(answer.pending ? said.onItsWay : said.restored(name), { kind: "good", ...(albumId ? { action: { label: show, run: () => go(`/album/${albumId}`) } } : {}) });
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
      spoil("trash", "library", "hearts");
    }
  };
  const remove = () =>
    confirm({
      title: said.removeTitle,
      text: said.removeText(name),
      does: said.remove,
      isDanger: true,
      run: async () => {
        await api("DELETE /api/trash/{id}", { path: { id: item.id } });
        spoil("trash");
      },
    });
  const isKept = item.state === "kept";
  return (
    <Row
      picture={<Cover of={{ thing: "album", id: item.album_id ?? 0, name: item.title, artwork: null, version: null }} pixels={40} />}
      title={
        <>
          {item.title} <Badge>{said.kinds[item.kind] ?? item.kind}</Badge>
        </>
      }
      below={
        <Facts
          of={[
            item.artist,
            counts.files(item.file_count),
            bytes(item.size, locale),
            ago(item.trashed_at, locale),
            house.by(item.trashed_by ?? house.theHouse),
            said.goneIn(ago(item.expires_at, locale)),
          ]}
        />
      }
      tools={
        isKept && (
          <>
            <button type="button" class="button small" aria-expanded={isOpen} aria-label={house.of(said.files, name)} onClick={() => setOpen(!isOpen)}>
              {said.files}
            </button>
            <button type="button" class="button small" disabled={isBusy} aria-label={house.of(said.restore, name)} onClick={() => void restore()}>
              <Icon name="refresh" size={16} /> {said.restore}
            </button>
          </>
        )
      }
      corner={
        isKept && (
          <button type="button" class="icon-button" aria-label={house.of(said.remove, name)} title={said.removeTitle} onClick={remove}>
            <Icon name="trash" size={18} />
          </button>
        )
      }
    >
      {item.reason && <p class="row-below">{asSaid(item.reason)}</p>}
      {!isKept && <p class="row-below">{said.states[item.state] ?? item.state}</p>}
      {isOpen && <TrashFiles id={item.id} />}
    </Row>
  );
}
