// How much waits for a person, for the menus: downloads that need them, and imports that wait for a decision.

import { computed, effect, signal } from "@preact/signals";
import { api } from "../api/client";
import { onSpoil, Resource } from "../api/store";
import { isAdmin, me } from "./session";

const MOST = 100;
const reviews = signal<Resource<number> | undefined>(undefined);

export const waitingReviews = computed(() => reviews.value?.data.value ?? 0);

/** For as long as somebody is logged in; the house is asked once, and when an event says that it changed. */
export function startWaiting(): void {
  effect(() => {
    const who = me.value?.username;
    const admin = isAdmin.value;
    if (!who) {
      reviews.value = undefined;
      return;
    }
    const count = async (asked: AbortSignal) =>
      admin
        ? (await api("GET /api/import/review", { query: { limit: MOST }, signal: asked })).length
        : (await api("GET /api/import", { query: { state: "review", limit: MOST }, signal: asked })).length;
    const made = new Resource("waiting reviews", count, ["review"]);
    made.viewers = 1;
    void made.ensure();
    reviews.value = made;
  });
  onSpoil((isSpoiled) => {
    const made = reviews.peek();
    if (made && isSpoiled(made.tags)) made.spoil();
  });
}
