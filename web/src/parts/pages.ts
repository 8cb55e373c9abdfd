// A list that is read page by page, as far as somebody asked for more; asked for again as a whole when it is not true any more.

import { useRef, useState } from "preact/hooks";
import type { Problem } from "../api/problem";
import { useResource } from "../api/store";

export interface Some<T, C> {
  items: T[];
  /** Asks for what follows. */
  next: C | null | undefined;
}

export interface Pages<T> {
  /** Undefined until the first answer. */
  items: T[] | undefined;
  problem: Problem | undefined;
  hasMore: boolean;
  isBusy: boolean;
  more: () => void;
  again: () => void;
}

export function usePages<T, C>(key: string, load: (next: C | undefined, signal: AbortSignal) => Promise<Some<T, C>>, tags: readonly string[]): Pages<T> {
  const [asked, setAsked] = useState({ key, pages: 1 });
  const pages = asked.key === key ? asked.pages : 1;
  const found = useResource(
    `${key} (${pages})`,
    async (signal) => {
      const items: T[] = [];
      let next: C | null | undefined;
      for (let page = 0; page < pages && (page === 0 || next); page += 1) {
        const some: Some<T, C> = await load(next ?? undefined, signal);
        items.push(...some.items);
        next = some.next;
      }
      return { items, hasMore: Boolean(next) };
    },
    tags,
  );
  // While the longer list is on its way, the shorter one stays.
  const last = useRef<{ key: string; items: T[]; hasMore: boolean } | undefined>(undefined);
  const now = found.data.value;
  if (now) last.current = { key, ...now };
  const shown = last.current?.key === key ? last.current : undefined;
  return {
    items: shown?.items,
    problem: found.error.value,
    hasMore: shown?.hasMore ?? false,
    isBusy: Boolean(shown) && !now,
    more: () => setAsked({ key, pages: pages + 1 }),
    again: () => void found.refresh(),
  };
}
