// What can wait until the page stands.

import { signal } from "@preact/signals";

/** The first covers are seen: what the page was drawn without for the moment is drawn too. */
export const isCalm = signal(false);
/** Where there are no covers. */
const CALM_AFTER_MS = 1500;
setTimeout(becomeCalm, CALM_AFTER_MS);

function becomeCalm(): void {
  isCalm.value = true;
}

/** A cover has come; once it is painted there is time for the rest. */
export function coverCame(): void {
  if (!isCalm.peek()) requestAnimationFrame(() => whenIdle(becomeCalm));
}

/** At the latest then, however busy the page is. */
const LATEST_MS = 4000;
/** Where a browser does not tell when it has nothing to do. */
const A_WHILE_MS = 300;

/** Calls when the browser has nothing else to do; the answer takes it back. */
export function whenIdle(callback: () => void): () => void {
  if ("requestIdleCallback" in window) {
    const asked = requestIdleCallback(callback, { timeout: LATEST_MS });
    return () => cancelIdleCallback(asked);
  }
  const timer = setTimeout(callback, A_WHILE_MS);
  return () => clearTimeout(timer);
}
