// How far a job is, out of its own words. Pure.

/** Percent, when it says how much there is. */
export function percentOf(progress: unknown): number | undefined {
  const { done, total } = (typeof progress === "object" && progress !== null ? progress : {}) as { done?: unknown; total?: unknown };
  if (typeof done !== "number" || typeof total !== "number" || total <= 0) return undefined;
  return Math.max(0, Math.min(100, Math.round((done / total) * 100)));
}

/** The rest of what it says, in a line. */
export function saidOf(progress: unknown): string {
  if (typeof progress !== "object" || progress === null) return "";
  const { done, total, ...rest } = progress as Record<string, unknown>;
  const counted = typeof done === "number" && typeof total === "number" ? [`${done} / ${total}`] : [];
  const texts = Object.values(rest).filter((value) => typeof value === "string" && value !== "");
  return [...counted, ...texts].join(" · ");
}
