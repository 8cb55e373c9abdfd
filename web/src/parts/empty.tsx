// What stands where nothing is: while it comes, when there is nothing, and when it went wrong.

import type { ComponentChildren } from "preact";
import type { Problem } from "../api/problem";
import { words } from "../words";
import { textOf } from "../words/problems";
import { Icon, type IconName } from "./icon";

/** Nothing is here; what to do next. */
export function Empty({ icon, title, hint, children }: { icon: IconName; title: string; hint?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size={40} />
      </span>
      <h2>{title}</h2>
      {hint && <p>{hint}</p>}
      {children}
    </div>
  );
}

/** It went wrong, and can be tried again. */
export function Failed({ problem, again }: { problem: Problem; again: () => void }) {
  const title = textOf(problem);
  return (
    <Empty icon="warning" title={title}>
      <button type="button" class="button" onClick={again}>
        <Icon name="refresh" size={18} /> {words.value.retry}
      </button>
    </Empty>
  );
}

/** The shape of lines that are on their way. */
export function SkeletonLines({ count = 6 }: { count?: number }) {
  return (
    <div class="skeleton-lines" role="status" aria-label={words.value.loading}>
      {Array.from({ length: count }, (_, n) => (
        <span key={n} class="skeleton line" style={{ width: `${92 - ((n * 37) % 45)}%` }} />
      ))}
    </div>
  );
}
