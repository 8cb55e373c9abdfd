// How much waits for a person, for the menus: imports that wait for a decision, and downloads that need somebody.

import { computed, effect, type Signal, signal } from "@preact/signals";
import { api } from "../api/client";
import { onSpoil, Resource } from "../api/store";
import { isUnderWay } from "../downloads/states";
import { isAdmin, me } from "./session";

const MOST = 100;

type Count = Signal<Resource<number> | undefined>;
const reviews: Count = signal(undefined);
const downloads: Count = signal(undefined);

export const waitingReviews = computed(() => reviews.value?.data.value ?? 0);
export const waitingDownloads = computed(() => downloads.value?.data.value ?? 0);

/** For as long as somebody is logged in; the house is asked once, and when an event says that it changed. */
export function startWaiting(): void {
  effect(() => {
    const who = me.value?.username;
    const admin = isAdmin.value;
    const countReviews = async (asked: AbortSignal) =>
      admin
        ? (await api("GET /api/import/review", { query: { limit: MOST }, signal: asked })).length
        : (await api("GET /api/import", { query: { state: "review", limit: MOST }, signal: asked })).length;
    reviews.value = who ? counted("waiting reviews", "review", countReviews) : undefined;
    downloads.value = who ? counted("waiting downloads", "downloads", countDownloads) : undefined;
  });
  onSpoil((isSpoiled) => {
    for (const made of [reviews.peek(), downloads.peek()]) if (made && isSpoiled(made.tags)) made.spoil();
  });
}

/** The queue has what moves by itself, and what somebody has to look at. */
async function countDownloads(asked: AbortSignal): Promise<number> {
  return (await api("GET /api/downloads/queue", { signal: asked })).filter((one) => !isUnderWay(one)).length;
}

function counted(key: string, tag: string, count: (asked: AbortSignal) => Promise<number>): Resource<number> {
  const made = new Resource(key, count, [tag]);
  made.viewers = 1;
  void made.ensure();
  return made;
}
