// Deleting: asked before, into the trash, and undone from the toast.

import { api } from "../api/client";
import { spoil } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { confirm } from "../parts/dialog";
import { words } from "../words";

type Thing = "album" | "artist" | "track";

/** Asks, deletes, says so; `then` when it is done. */
export function askToDelete(thing: Thing, ids: number[], name: string, then?: () => void): void {
  const { trash } = words.value;
  confirm({
    title: trash.ask(name),
    text: trash.askHint,
    does: words.value.delete,
    isDanger: true,
    run: async () => {
      const trashed: number[] = [];
      try {
        for (const id of ids) trashed.push(...(await remove(thing, id)));
      } finally {
        spoil("library", "hearts", "trash", "activity");
      }
      const action = trashed.length > 0 ? { action: { label: words.value.undo, run: () => restore(trashed) } } : {};
      say(trash.done(name), action);
      then?.();
    },
  });
}

/** What of the trash it became. */
async function remove(thing: Thing, id: number): Promise<number[]> {
  const path = { id };
  const answer =
    thing === "album"
      ? await api("DELETE /api/albums/{id}", { path })
      : thing === "artist"
        ? await api("DELETE /api/artists/{id}", { path })
        : await api("DELETE /api/tracks/{id}", { path });
  const told = (answer as { trash_ids?: unknown }).trash_ids;
  return Array.isArray(told) ? told.map(Number) : [];
}

export async function restore(ids: number[]): Promise<void> {
  try {
    for (const id of ids) await api("POST /api/trash/{id}/restore", { path: { id } });
    say(words.value.trash.restored, { kind: "good" });
  } catch (error) {
    sayProblem(error);
  } finally {
    spoil("library", "hearts", "trash", "activity");
  }
}
