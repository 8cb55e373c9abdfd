// A long list, of which only the parts that were looked at are here: pages by number, or by cursor where the page before
// is known, so that scrolling on costs the same at the end as at the beginning.

import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { PAGE_SIZE } from "./address";
import { isAborted } from "./client";
import { asProblem, type Problem } from "./problem";
import { Settle } from "./settle";
import { onSpoil } from "./store";

export interface PageOf<T> {
  items: T[];
  total: number;
  next_cursor?: string | null;
}

export type LoadPage<T> = (asked: { page: number; limit: number; cursor?: string }, signal: AbortSignal) => Promise<PageOf<T>>;

/** Pages that are kept; those far from what is shown are let go. */
const MOST_PAGES = 40;

export class LongList<T> {
  /** Undefined until the first answer. */
  readonly total: Signal<number | undefined> = signal(undefined);
  /** Grows with each answer: whoever shows rows reads it. */
  readonly version = signal(0);
  readonly error: Signal<Problem | undefined> = signal(undefined);
  private pages = new Map<number, PageOf<T>>();
  private asking = new Map<number, AbortController>();
  private stale = new Set<number>();
  private shown: [number, number] = [0, 0];
  private again = new Settle(() => this.show(...this.shown));

  constructor(
    private load: LoadPage<T>,
    readonly pageSize = PAGE_SIZE,
  ) {}

  /** The row of this number; a function of its own, so that a tile which is handed it is not drawn again for it. */
  readonly at = (index: number): T | undefined => this.pages.get(Math.floor(index / this.pageSize))?.items[index % this.pageSize];

  /** All that is here, in order. */
  here(): T[] {
    return [...this.pages.keys()].sort((a, b) => a - b).flatMap((page) => this.pages.get(page)?.items ?? []);
  }

  /** These rows are on the screen: what is missing of them is asked for. */
  show(from: number, to: number): void {
    this.shown = [from, to];
    const [first, last] = this.shownPages();
    for (const [page, asked] of this.asking) {
      // Somebody who drags the scroll bar leaves many pages behind.
      if (page < first - 1 || page > last + 1) {
        asked.abort();
        this.asking.delete(page);
      }
    }
    for (let page = first; page <= last; page += 1) this.ask(page);
  }

  /** Everything may have changed: what is shown is asked for again, and stays until the answer is there. */
  spoil(): void {
    this.markStale();
    this.again.call();
  }

  /** The next look asks anew. */
  markStale(): void {
    for (const page of this.pages.keys()) this.stale.add(page);
  }

  stop(): void {
    this.again.stop();
    for (const asked of this.asking.values()) asked.abort();
    this.asking.clear();
  }

  private shownPages(): [number, number] {
    return [Math.floor(this.shown[0] / this.pageSize), Math.floor(Math.max(this.shown[0], this.shown[1] - 1) / this.pageSize)];
  }

  private ask(page: number): void {
    const total = this.total.peek();
    const isBeyond = page > 0 && total !== undefined && page * this.pageSize >= total;
    if (isBeyond || this.asking.has(page) || (this.pages.has(page) && !this.stale.has(page))) return;
    const asked = new AbortController();
    this.asking.set(page, asked);
    this.stale.delete(page);
    const cursor = this.stale.has(page - 1) ? null : this.pages.get(page - 1)?.next_cursor;
    void this.load({ page: page + 1, limit: this.pageSize, ...(cursor ? { cursor } : {}) }, asked.signal)
      .then((answer) => {
        if (this.asking.get(page) !== asked) return;
        this.pages.set(page, answer);
        this.letGo(page);
        this.total.value = answer.total;
        this.error.value = undefined;
        this.version.value += 1;
      })
      .catch((error: unknown) => {
        if (!isAborted(error)) this.error.value = asProblem(error);
      })
      .finally(() => {
        if (this.asking.get(page) === asked) this.asking.delete(page);
      });
  }

  private letGo(near: number): void {
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near));
    for (const page of far.slice(0, Math.max(0, this.pages.size - MOST_PAGES))) this.pages.delete(page);
  }
}

interface Kept {
  list: LongList<unknown>;
  tags: readonly string[];
}

const kept = new Map<string, Kept>();
const MOST_LISTS = 12;

/** The list of this key: kept, so that going back finds it as it was; spoiled with these tags. */
export function useLongList<T>(key: string, load: LoadPage<T>, tags: readonly string[]): LongList<T> {
  const list = useMemo(() => {
    const found = (kept.get(key)?.list as LongList<T> | undefined) ?? new LongList<T>(load);
    kept.delete(key);
    kept.set(key, { list: found as LongList<unknown>, tags });
    for (const old of kept.keys()) {
      if (kept.size <= MOST_LISTS) break;
      kept.delete(old);
    }
    // At once: an effect would wait until a page without it is painted.
    found.show(0, 1);
    return found;
  }, [key]);
  useEffect(() => {
    list.show(0, 1);
    const quit = onSpoil((isSpoiled) => isSpoiled(tags) && list.spoil());
    return () => {
      quit();
      list.stop();
    };
  }, [list]);
  return list;
}

// Lists that are not on the screen learn it too, and ask when they are shown again.
onSpoil((isSpoiled) => {
  for (const { list, tags } of kept.values()) if (isSpoiled(tags)) list.markStale();
});

/** Barbossa is there again: what could not be asked is asked. */
export function askFailedListsAgain(): void {
  for (const { list } of kept.values()) if (list.error.peek()) list.spoil();
}

/** Somebody else logs in: nothing of before is shown to them. */
export function forgetLists(): void {
  for (const { list } of kept.values()) list.stop();
  kept.clear();
}
