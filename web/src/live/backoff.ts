// How long to wait before the next attempt.

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** Twice as long each time, up to half a minute; `chance` (0 to 1) spreads those who lost the same server. */
export function backoffMs(attempt: number, chance: number): number {
  const whole = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(whole / 2 + (whole / 2) * chance);
}
