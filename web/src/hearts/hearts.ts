// What I love, the same everywhere on the screen: a heart answers at once and is taken back if the server refuses.

import { type Signal, signal } from "@preact/signals";
import { api } from "../api/client";
import { spoil } from "../api/store";
import { say, sayProblem } from "../app/toasts";

export type Thing = "album" | "track" | "artist";

const hearts = new Map<string, Signal<boolean>>();
/** Clicks that the server has not answered: what a list says meanwhile is older than the click. */
const underWay = new Map<string, number>();

/** The one signal of this heart. */
export function heartOf(thing: Thing, id: number): Signal<boolean> {
  const key = `${thing}:${id}`;
  let known = hearts.get(key);
  if (!known) {
    known = signal(false);
    hearts.set(key, known);
  }
  return known;
}

export function learnHeart(thing: Thing, id: number, isHearted: boolean): void {
  if (!underWay.has(`${thing}:${id}`)) heartOf(thing, id).value = isHearted;
}

/** From an answer of the API; the rows themselves, for chaining. */
export function learn<T extends { id: number; is_hearted: boolean }>(thing: Thing, rows: T[]): T[] {
  for (const row of rows) learnHeart(thing, row.id, row.is_hearted);
  return rows;
}

/** Sets it; false when the server refused, which was said and taken back. */
export async function setHeart(thing: Thing, id: number, isHearted: boolean): Promise<boolean> {
  const key = `${thing}:${id}`;
  const heart = heartOf(thing, id);
  const before = heart.peek();
  heart.value = isHearted;
  underWay.set(key, (underWay.get(key) ?? 0) + 1);
  try {
    const answer = await (isHearted ? put(thing, id) : take(thing, id));
    if (answer.warning) say(answer.warning, { kind: "bad" });
    return true;
  } catch (error) {
    heart.value = before;
    sayProblem(error);
    return false;
  } finally {
    const left = (underWay.get(key) ?? 1) - 1;
    if (left > 0) underWay.set(key, left);
    else underWay.delete(key);
    // A track's heart may make the album's, an album's all tracks', an artist's all albums'.
    spoil("hearts", key);
  }
}

interface Answer {
  warning?: string | null | undefined;
}

function put(thing: Thing, id: number): Promise<Answer> {
  const path = { id };
  if (thing === "album") return api("POST /api/me/library/albums/{id}", { path });
  if (thing === "track") return api("POST /api/me/library/tracks/{id}", { path });
  return api("POST /api/me/library/artists/{id}", { path });
}

function take(thing: Thing, id: number): Promise<Answer> {
  const path = { id };
  if (thing === "album") return api("DELETE /api/me/library/albums/{id}", { path });
  if (thing === "track") return api("DELETE /api/me/library/tracks/{id}", { path });
  return api("DELETE /api/me/library/artists/{id}", { path });
}
