// Waiting for work that goes on after its answer.

import { api } from "./client";

const FIRST_MS = 500;
const MOST_MS = 4000;
const PATIENCE_MS = 120_000;

/** Waits until a job has ended; its state, or `running` when it takes too long to wait for. */
export async function jobEnded(id: number): Promise<string> {
  const until = Date.now() + PATIENCE_MS;
  for (let wait = FIRST_MS; Date.now() < until; wait = Math.min(MOST_MS, wait * 1.5)) {
    const { state } = await api("GET /api/jobs/{id}", { path: { id } });
    if (!["available", "running"].includes(state)) return state;
    await new Promise((ready) => setTimeout(ready, wait));
  }
  return "running";
}
