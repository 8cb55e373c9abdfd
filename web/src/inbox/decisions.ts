// Deciding: approve, reject, put back, undo; each says what became of it, and offers the way back.

import { api } from "../api/client";
import type { Approval, ReviewDecided } from "../api/schema";
import { spoil } from "../api/store";
import { go } from "../app/router";
import { say, sayProblem } from "../app/toasts";
import { words } from "../words";

function changed(): void {
  spoil("review", "imports", "downloads", "library", "trash");
}

export async function approve(id: number, title: string, body: Approval): Promise<ReviewDecided> {
  const { inbox, show } = words.value;
  const decided = await api("POST /api/import/review/{id}/approve", { path: { id }, body });
  changed();
  const albumId = decided.album_id;
  if (decided.pending) say(inbox.onItsWay(title));
  else say(inbox.approved(title), { kind: "good", ...(albumId ? { action: { label: show, run: () => go(`/album/${albumId}`) } } : {}) });
  return decided;
}

export async function reject(id: number, title: string, reason: string, toTrash: boolean): Promise<void> {
  const { inbox, undo } = words.value;
  await api("POST /api/import/review/{id}/reject", { path: { id }, body: { reason: reason || null, delete_files: toTrash } });
  changed();
  say(inbox.rejected(title), { action: { label: undo, run: () => takeBack(id, title) } });
}

export async function putBack(id: number, title: string): Promise<void> {
  await api("POST /api/import/review/{id}/put-back", { path: { id } });
  changed();
  say(words.value.inbox.isBack(title));
}

/** Takes the last decision back; what goes wrong is said. */
export async function takeBack(id: number, title: string): Promise<void> {
  try {
    await api("POST /api/import/review/{id}/undo", { path: { id } });
    say(words.value.inbox.undone(title));
  } catch (error) {
    sayProblem(error);
  }
  changed();
}
