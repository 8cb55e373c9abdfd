// What was asked for and is shown: kept, so that going back is instant, and asked for again when it is not true any more.
//
// A resource has a key and tags ("album:7", "library", …). Live events and our own changes spoil tags; a spoiled resource
// that is on the screen is asked for again at once (the old answer stays until the new one is there), any other when it is
// next shown.

import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { isAborted } from "./client";
import { asProblem, type Problem } from "./problem";
import { Settle } from "./settle";

/** So many answers are kept when nobody looks at them. */
const MOST_KEPT = 80;

export class Resource<T> {
  readonly data: Signal<T | undefined> = signal(undefined);
  readonly error: Signal<Problem | undefined> = signal(undefined);
  tags: readonly string[];
  viewers = 0;
  private isStale = true;
  private running: AbortController | undefined;
  private again = new Settle(() => {
    // Whoever looked may have gone meanwhile.
    if (this.viewers > 0) void this.refresh();
  });

  constructor(
    readonly key: string,
    private load: (signal: AbortSignal) => Promise<T>,
    tags: readonly string[],
  ) {
    this.tags = tags;
  }

  /** Asks, unless the answer is there and true. */
  async ensure(): Promise<void> {
    if (this.isStale && !this.running) await this.refresh();
  }

  async refresh(): Promise<void> {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.isStale = false;
    try {
      const data = await this.load(running.signal);
      if (this.running !== running) return;
      this.data.value = data;
      this.error.value = undefined;
    } catch (error) {
      if (this.running !== running || isAborted(error)) return;
      this.error.value = asProblem(error);
      this.isStale = true;
    } finally {
      if (this.running === running) this.running = undefined;
    }
  }

  /** The answer may not be true any more. */
  spoil(): void {
    this.isStale = true;
    if (this.viewers > 0) this.again.call();
  }
}

const kept = new Map<string, Resource<unknown>>();
const listeners = new Set<(isSpoiled: (tags: readonly string[]) => boolean) => void>();

/** The resource of this key, made if it is not there. */
function resource<T>(key: string, load: (signal: AbortSignal) => Promise<T>, tags: readonly string[]): Resource<T> {
  const known = kept.get(key) as Resource<T> | undefined;
  if (known) {
    kept.delete(key);
    kept.set(key, known as Resource<unknown>);
    return known;
  }
  const made = new Resource(key, load, tags);
  kept.set(key, made as Resource<unknown>);
  for (const [old, one] of kept) {
    if (kept.size <= MOST_KEPT) break;
    if (one.viewers === 0 && old !== key) kept.delete(old);
  }
  return made;
}

/** A resource for as long as a component shows it. */
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>, tags: readonly string[]): Resource<T> {
  const found = useMemo(() => {
    const made = resource(key, load, tags);
    // At once: an effect would wait until a page without it is painted.
    void made.ensure();
    return made;
  }, [key]);
  useEffect(() => {
    found.viewers += 1;
    void found.ensure();
    return () => {
      found.viewers -= 1;
    };
  }, [found]);
  return found;
}

/** What has one of these tags is not true any more. No tags: nothing is. */
export function spoil(...tags: string[]): void {
  const isSpoiled = (of: readonly string[]) => tags.length === 0 || of.some((tag) => tags.includes(tag));
  for (const one of kept.values()) if (isSpoiled(one.tags)) one.spoil();
  for (const listener of listeners) listener(isSpoiled);
}

/** Barbossa is there again: what could not be asked is asked. */
export function askFailedAgain(): void {
  for (const one of kept.values()) if (one.error.peek()) one.spoil();
}

/** For what keeps its answers itself (long lists). */
export function onSpoil(listener: (isSpoiled: (tags: readonly string[]) => boolean) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Somebody else logs in: nothing of before is shown to them. */
export function forgetAll(): void {
  kept.clear();
}
