// Asking again and again, for what no event tells: only while somebody looks.

import { useEffect } from "preact/hooks";

/** Runs it every so many milliseconds while the page is seen; 0: never. */
export function useEvery(ms: number, run: () => void): void {
  useEffect(() => {
    if (ms === 0) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") run();
    }, ms);
    return () => clearInterval(timer);
  }, [ms]);
}
