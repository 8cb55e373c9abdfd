// Sending what was dropped, piece by piece (tus 1.0.0): a broken line is waited for, and goes on where it broke.

import { signal } from "@preact/signals";
import { api, ask } from "../api/client";
import { asProblem } from "../api/problem";
import { spoil } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { backoffMs } from "../live/backoff";
import { words } from "../words";
import { textOf } from "../words/problems";
import { type Begun, type Expected, fileOf, goesOn, nameOf, pieceAfter } from "./plan";
import type { Dropped } from "./read";

/** An upload on the screen. */
export interface Sending {
  key: number;
  name: string;
  sent: number;
  total: number;
  state: "sending" | "waiting" | "done" | "failed";
  problem?: string;
  cancel: () => void;
}

export const sending = signal<Sending[]>([]);

let last = 0;

/** Sends these files as one folder of the inbox. */
export async function upload(dropped: Dropped[]): Promise<void> {
  const files = dropped.map(({ path, file }) => ({ path, size: file.size, file }));
  if (files.length === 0) return;
  try {
    const begun = await begin(files);
    await run(begun, files);
  } catch (error) {
    sayProblem(error);
  }
}

async function begin(files: { path: string; size: number }[]): Promise<Begun> {
  const open = await api("GET /api/import/uploads");
  const known = goesOn(open, files);
  if (known) return known;
  const body = { name: nameOf(files, new Date()) ?? null, files: files.map(({ path, size }) => ({ path, size })) };
  const begun = await api("POST /api/import/uploads", { body });
  if (begun.left_out.length > 0) say(words.value.uploads.leftOut(begun.left_out.length));
  return begun;
}

async function run(begun: Begun, files: { path: string; size: number; file: File }[]): Promise<void> {
  last += 1;
  const stop = new AbortController();
  const key = last;
  const show = (part: Partial<Sending>) => {
    sending.value = sending.value.map((one) => (one.key === key ? { ...one, ...part } : one));
  };
  const cancel = () => {
    stop.abort();
    sending.value = sending.value.filter((one) => one.key !== key);
    void api("DELETE /api/import/uploads/{id}", { path: { id: begun.id } }).catch(sayProblem);
  };
  const { name, total_bytes: total, received_bytes: received } = begun;
  sending.value = [...sending.value, { key, name, sent: received, total, state: "sending", cancel }];
  let sent = received;
  try {
    for (const expected of begun.files) {
      const local = fileOf(expected, files);
      if (!local) throw new Error(words.value.uploads.gone(expected.path));
      await sendFile(expected, local.file, stop.signal, {
        onSent: (bytes) => show({ sent: (sent += bytes), state: "sending" }),
        onWait: () => show({ state: "waiting" }),
      });
    }
    show({ state: "done", sent: total });
    spoil("imports");
    setTimeout(() => (sending.value = sending.value.filter((one) => one.key !== key)), 4000);
  } catch (error) {
    if (!stop.signal.aborted) show({ state: "failed", problem: textOf(asProblem(error)) });
  }
}

interface Progress {
  onSent: (bytes: number) => void;
  onWait: () => void;
}

async function sendFile(expected: Expected, file: File, stop: AbortSignal, progress: Progress): Promise<void> {
  const address = `/api/import/upload/${expected.id}`;
  let offset = expected.offset;
  let attempt = 0;
  for (;;) {
    const piece = pieceAfter(offset, expected.size);
    if (!piece || stop.aborted) return;
    try {
      const headers = { "content-type": "application/offset+octet-stream", "tus-resumable": "1.0.0", "upload-offset": String(offset) };
      await ask(address, { method: "PATCH", headers, body: file.slice(...piece), signal: stop });
      progress.onSent(piece[1] - offset);
      offset = piece[1];
      attempt = 0;
    } catch (error) {
      if (stop.aborted) return;
      const problem = asProblem(error);
      // A conflict: the answer to the last piece was lost, and the server has more than we know.
      if (!problem.isPassing && problem.status !== 409) throw problem;
      progress.onWait();
      await pause(problem.retryAfterSeconds === null ? backoffMs(attempt++, Math.random()) : problem.retryAfterSeconds * 1000);
      const here = await offsetOf(address, stop);
      if (here !== undefined) {
        progress.onSent(here - offset);
        offset = here;
      }
    }
  }
}

/** How much of a file is there; nothing while nobody answers. */
async function offsetOf(address: string, stop: AbortSignal): Promise<number | undefined> {
  try {
    const answer = await fetch(address, { method: "HEAD", headers: { "tus-resumable": "1.0.0" }, signal: stop });
    const offset = answer.headers.get("upload-offset");
    return answer.ok && offset !== null ? Number(offset) : undefined;
  } catch {
    return undefined;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
