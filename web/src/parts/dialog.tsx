// A dialog: the browser's own, which keeps the focus inside and closes by Escape.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { sayProblem } from "../app/toasts";
import { words } from "../words";
import { Icon } from "./icon";

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons at its end. */
  actions?: ComponentChildren;
  isWide?: boolean;
}

export function Dialog({ title, onClose, children, actions, isWide = false }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    return () => (before instanceof HTMLElement ? before.focus({ preventScroll: true }) : undefined);
  }, []);
  return (
    <dialog
      ref={box}
      class={`dialog ${isWide ? "is-wide" : ""}`}
      aria-labelledby={id}
      onClose={onClose}
      onCancel={onClose}
      onPointerDown={(event) => event.target === box.current && onClose()}
    >
      <div class="dialog-inside">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="icon-button" aria-label={words.value.close} onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class="dialog-body">{children}</div>
        {actions && <footer class="dialog-foot">{actions}</footer>}
      </div>
    </dialog>
  );
}

interface Question {
  title: string;
  text: string;
  /** What the button that does it says. */
  does: string;
  isDanger?: boolean;
  run: () => Promise<unknown>;
}

const question = signal<Question | null>(null);

/** Asks before something is done; what it throws is said. */
export function confirm(asked: Question): void {
  question.value = asked;
}

/** Where the shell shows what `confirm` asks. */
export function Confirm() {
  const [isBusy, setBusy] = useState(false);
  const asked = question.value;
  if (!asked) return null;
  const close = () => {
    question.value = null;
  };
  const run = async () => {
    setBusy(true);
    try {
      await asked.run();
      close();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {words.value.cancel}
      </button>
      <button type="button" class={`button ${asked.isDanger ? "danger" : "primary"}`} disabled={isBusy} onClick={() => void run()}>
        {asked.does}
      </button>
    </>
  );
  return (
    <Dialog title={asked.title} onClose={close} actions={actions}>
      <p>{asked.text}</p>
    </Dialog>
  );
}
