// A change of names and tags: looked at before, made, and taken back.

import { api } from "../api/client";
import type { EditAnswer } from "../api/schema";
import { spoil } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { words } from "../words";

/** What is edited: one thing, or several albums at once. */
export type Target = { kind: "album" | "track" | "artist"; id: number } | { kind: "albums"; ids: number[] };

export type Body = Record<string, string | number | boolean>;

/** Asks what would change, or changes it. */
export function send(target: Target, body: Body, isPreview: boolean, signal?: AbortSignal): Promise<EditAnswer> {
  const query = { preview: isPreview };
  switch (target.kind) {
    case "album":
      return api("PUT /api/metadata/albums/{id}", { path: { id: target.id }, query, body, signal });
    case "track":
      return api("PUT /api/metadata/tracks/{id}", { path: { id: target.id }, query, body, signal });
    case "artist":
      return api("PUT /api/metadata/artists/{id}", { path: { id: target.id }, query, body, signal });
    case "albums":
      return api("PUT /api/metadata/albums", { query, body: { ...body, ids: target.ids } as never, signal });
  }
}

/** Makes the change, says so, and offers the way back. */
export async function save(target: Target, body: Body): Promise<void> {
  const { edits } = words.value;
  const answer = await send(target, body, false);
  spoil("library", "edits", "activity");
  const editId = answer.edit_id;
  if (typeof editId !== "number") return say(edits.nothing);
  const action = { label: words.value.undo, run: () => undo(editId) };
  say(answer.pending ? edits.pending : edits.saved, { kind: "good", action });
  for (const note of answer.notes ?? []) say(note);
}

export async function undo(editId: number): Promise<void> {
  try {
    const answer = await api("POST /api/edits/{id}/undo", { path: { id: editId } });
    say(answer.pending ? words.value.edits.pending : words.value.edits.undone, { kind: "good" });
  } catch (error) {
    sayProblem(error);
  } finally {
    spoil("library", "edits", "activity");
  }
}
