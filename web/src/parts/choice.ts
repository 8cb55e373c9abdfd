// Albums that were picked to do one thing to all of them.

import { computed, signal } from "@preact/signals";

export interface Picked {
  id: number;
  title: string;
}

export const picked = signal<ReadonlyMap<number, Picked>>(new Map());
export const isPicking = computed(() => picked.value.size > 0);

let lastIndex: number | undefined;

/** Adds or takes away one; with `upTo`, all from the last one that was picked. */
export function pick(item: Picked, index: number, upTo: ((index: number) => Picked | undefined) | null): void {
  const next = new Map(picked.value);
  if (upTo && lastIndex !== undefined) {
    const [from, to] = lastIndex < index ? [lastIndex, index] : [index, lastIndex];
    for (let n = from; n <= to; n += 1) {
      const one = upTo(n);
      if (one) next.set(one.id, one);
    }
  } else if (!next.delete(item.id)) {
    next.set(item.id, item);
  }
  lastIndex = index;
  picked.value = next;
}

export function pickNone(): void {
  lastIndex = undefined;
  picked.value = new Map();
}
