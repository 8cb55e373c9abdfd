// The one way to the API: typed by its own document, with the session's cookie, and one shape of failure.

import { addressOf } from "./address";
import { takeEarly } from "./early";
import { asProblem, problemOf } from "./problem";
import type { Routes } from "./schema";

export type Route = keyof Routes;

type Part<R extends Route, P extends "path" | "query"> = Routes[R][P];
type Filled<T> = T extends Record<never, never> ? (keyof T extends never ? never : T) : T;

/** What goes with a request: only what the route takes. */
export type Sent<R extends Route> = {
  [P in "path" as Filled<Part<R, P>> extends never ? never : P]: Part<R, P>;
} & { query?: Part<R, "query"> } & (Routes[R]["body"] extends undefined ? unknown : { body: Routes[R]["body"] }) & {
    signal?: AbortSignal | undefined;
  };

interface Loose {
  path?: Record<string, string | number>;
  query?: Record<string, unknown>;
  body?: unknown;
  signal?: AbortSignal;
}

let whenLoggedOut: () => void = () => {};

/** What to do when the API says that nobody is logged in. */
export function onLoggedOut(callback: () => void): void {
  whenLoggedOut = callback;
}

/** Asks a route: `api("GET /api/albums/{id}", { path: { id: 7 } })`. */
export async function api<R extends Route>(route: R, sent?: Sent<R>): Promise<Routes[R]["answer"]> {
  const { path, query, body, signal } = (sent ?? {}) as Loose;
  const space = route.indexOf(" ");
  const init: RequestInit = { method: route.slice(0, space), credentials: "same-origin", signal: signal ?? null };
  if (body instanceof FormData || body instanceof Blob) {
    init.body = body;
  } else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "content-type": "application/json" };
  }
  return (await ask(addressOf(route.slice(space + 1), path, query), init)) as Routes[R]["answer"];
}

/** A request that needs headers of its own; the answer's JSON, if there is any. */
export async function ask(address: string, init: RequestInit): Promise<unknown> {
  let answer: Response;
  try {
    const early = init.method === "GET" ? takeEarly(address) : undefined;
    answer = await (early ?? fetch(address, init));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw asProblem(error);
  }
  const isJson = answer.headers.get("content-type")?.includes("json") ?? false;
  const said: unknown = isJson ? await answer.json().catch(() => null) : undefined;
  if (answer.ok) return said;
  if (answer.status === 401 && !address.startsWith("/api/auth/")) whenLoggedOut();
  throw problemOf(answer.status, said, answer.headers.get("retry-after"));
}

/** Whether it is only that nobody waits for the answer any more. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
