// How the house is, as its own report says it: also when it says that it is not well.

import type { Health } from "../api/schema";
import { asProblem, problemOf } from "../api/problem";

export type Lamp = "good" | "warn" | "bad";

/** The parts, in groups as people think of them; what is in none stands with the rest. */
export const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["units", ["api", "worker", "fetch", "beat", "watcher"]],
  ["stores", ["database", "schema", "redis", "backups"]],
  ["music", ["music_path", "music_library", "music_users", "files"]],
];

/** An unhealthy house answers with 503, and says in it what is the matter. */
export async function askHealth(signal: AbortSignal): Promise<Health> {
  const answer = await fetch("/health", { signal }).catch((error: unknown) => {
    throw error instanceof DOMException ? error : asProblem(error);
  });
  const said: unknown = await answer.json().catch(() => null);
  if (typeof said === "object" && said !== null && "checks" in said) return said as Health;
  throw problemOf(answer.status, said, null);
}

export function lampOf(code: string): Lamp {
  if (code === "ok") return "good";
  return code === "unknown" || code === "stale" || code === "missing" ? "warn" : "bad";
}

/** Each group with its parts and their codes; empty groups are left out. */
export function grouped(checks: Record<string, string>): [string, [string, string][]][] {
  const known = new Set(GROUPS.flatMap(([, parts]) => parts));
  const rest = Object.keys(checks).filter((part) => !known.has(part));
  const all: [string, readonly string[]][] = [...GROUPS.map(([name, parts]): [string, readonly string[]] => [name, parts]), ["rest", rest]];
  return all
    .map(([name, parts]): [string, [string, string][]] => [name, parts.filter((part) => part in checks).map((part) => [part, checks[part] ?? ""])])
    .filter(([, parts]) => parts.length > 0);
}
