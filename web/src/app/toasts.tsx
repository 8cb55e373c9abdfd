// Short messages over any page, with one thing to do about them: undo, above all.

import { signal } from "@preact/signals";
import { asProblem } from "../api/problem";
import { Icon } from "../parts/icon";
import { words } from "../words";
import { textOf } from "../words/problems";

export interface Toast {
  id: number;
  text: string;
  kind: "plain" | "good" | "bad";
  action?: { label: string; run: () => unknown } | undefined;
}

const SHOWN_MS = 6000;
/** What has something to do about it stays longer. */
const SHOWN_WITH_ACTION_MS = 12000;
const MOST = 4;

const toasts = signal<Toast[]>([]);
const timers = new Map<number, ReturnType<typeof setTimeout>>();
let last = 0;

/** Says it; the same words again replace the ones that still stand. */
export function say(text: string, more: Partial<Omit<Toast, "id" | "text">> = {}): void {
  last += 1;
  const toast: Toast = { id: last, text, kind: "plain", ...more };
  toasts.value = [...toasts.value.filter((t) => t.text !== text), toast].slice(-MOST);
  keep(toast);
}

/** Says what went wrong. */
export function sayProblem(error: unknown): void {
  const problem = asProblem(error);
  say(textOf(problem), { kind: "bad" });
}

function keep(toast: Toast): void {
  clearTimeout(timers.get(toast.id));
  timers.set(toast.id, setTimeout(() => dismiss(toast.id), toast.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS));
}

function dismiss(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="region" aria-label={words.value.shell.messages}>
      <div aria-live="polite">
        {toasts.value.map((toast) => (
          <div
            key={toast.id}
            class={`toast ${toast.kind}`}
            onPointerEnter={() => clearTimeout(timers.get(toast.id))}
            onPointerLeave={() => keep(toast)}
          >
            <span class="toast-text">{toast.text}</span>
            {toast.action && (
              <button
                type="button"
                class="link-button"
                onClick={() => {
                  dismiss(toast.id);
                  void toast.action?.run();
                }}
              >
                {toast.action.label}
              </button>
            )}
            <button type="button" class="icon-button small" aria-label={words.value.close} onClick={() => dismiss(toast.id)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
    </div>
  );
}
