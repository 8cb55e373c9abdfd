// When to ask again for what is not true any more: soon, but not at each of a thousand events.

/** Several events about one thing are one reason to ask. */
const SETTLE_MS = 250;
/** While more and more happens (a whole library is imported), a page follows it calmly. */
const CALM_MS = 2500;

/** How long to wait before asking again, when it was asked so long ago. */
export function settleMs(sinceAskedMs: number): number {
  return sinceAskedMs < CALM_MS ? Math.max(SETTLE_MS, CALM_MS - sinceAskedMs) : SETTLE_MS;
}

/** Runs once for all calls until it runs. */
export class Settle {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private ranAt = Number.NEGATIVE_INFINITY;

  constructor(private run: () => void) {}

  call(): void {
    // Not put off by each further call: then it might never run.
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.ranAt = Date.now();
      this.run();
    }, settleMs(Date.now() - this.ranAt));
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
