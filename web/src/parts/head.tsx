// The head of a page: its name, what there is of it, and what can be done with all of it.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

export function PageHead({ title, aside, children }: { title: string; aside?: string; children?: ComponentChildren }) {
  useTitle(title);
  return (
    <header class="page-head">
      <h1>{title}</h1>
      {aside && <span class="page-aside">{aside}</span>}
      {children && <div class="page-tools">{children}</div>}
    </header>
  );
}

/** What the browser's tab says. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Barbossa` : "Barbossa";
  }, [title]);
}
