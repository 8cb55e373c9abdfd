// The form of an edit: fields, what they would change, and save.

import { useEffect, useState } from "preact/hooks";
import { isAborted } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import type { EditAnswer } from "../api/schema";
import { Dialog } from "../parts/dialog";
import { SkeletonLines } from "../parts/empty";
import { words } from "../words";
import { textOf } from "../words/problems";
import { bodyOf, changesOf, type Values } from "./form";
import { Preview } from "./preview";
import { type Body, save, send, type Target } from "./save";

export interface Field {
  name: string;
  label: string;
  isNumber?: boolean;
  hint?: string;
}

interface Props {
  title: string;
  target: Target;
  fields: Field[];
  before: Values;
  onClose: () => void;
}

/** A pause in typing, after which it is looked what would change. */
const SETTLE_MS = 350;

export function EditDialog({ title, target, fields, before, onClose }: Props) {
  const [values, setValues] = useState(before);
  const [isMerge, setMerge] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Problem>();
  const numbers = fields.filter((field) => field.isNumber).map((field) => field.name);
  const changes = changesOf(before, values);
  const body: Body = { ...bodyOf(changes, numbers), ...(isMerge ? { merge: true } : {}) };
  const hasChanges = Object.keys(changes).length > 0;
  const preview = usePreview(target, hasChanges ? body : null);
  const problem = refused ?? preview.problem;

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await save(target, body);
      onClose();
    } catch (error) {
      setRefused(asProblem(error));
      setBusy(false);
    }
  };
  const actions = (
    <>
      <button type="button" class="button" onClick={onClose}>
        {words.value.cancel}
      </button>
      <button type="submit" form="edit-form" class="button primary" disabled={isBusy || !hasChanges || Boolean(preview.problem)}>
        {words.value.save}
      </button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} actions={actions} isWide>
      <form id="edit-form" class="form-grid" onSubmit={(event) => void submit(event)}>
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            value={values[field.name] ?? ""}
            problem={problem?.fields.find((f) => f.field === field.name)?.message}
            onInput={(value) => {
              setRefused(undefined);
              setValues({ ...values, [field.name]: value });
            }}
          />
        ))}
      </form>
      {target.kind === "artist" && problem?.code === "conflict" && (
        <label class="check">
          <input type="checkbox" checked={isMerge} onChange={() => setMerge(!isMerge)} /> {words.value.edits.merge}
        </label>
      )}
      {problem && problem.fields.length === 0 && (
        <p class="form-problem" role="alert">
          {textOf(problem)}
        </p>
      )}
      <section class="preview-box" aria-label={words.value.edits.preview}>
        <h3>{words.value.edits.preview}</h3>
        {!hasChanges && <p class="muted">{words.value.edits.begin}</p>}
        {hasChanges && preview.answer && <Preview answer={preview.answer} />}
        {hasChanges && !preview.answer && !problem && <SkeletonLines count={2} />}
      </section>
    </Dialog>
  );
}

function FieldInput({ field, value, problem, onInput }: { field: Field; value: string; problem: string | undefined; onInput: (v: string) => void }) {
  return (
    <label class="field">
      <span>{field.label}</span>
      <input
        name={field.name}
        dir="auto"
        inputmode={field.isNumber ? "numeric" : "text"}
        aria-invalid={problem ? "true" : undefined}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {problem ? <small class="form-problem">{problem}</small> : field.hint && <small>{field.hint}</small>}
    </label>
  );
}

function usePreview(target: Target, body: Body | null): { answer?: EditAnswer; problem?: Problem } {
  const [seen, setSeen] = useState<{ answer?: EditAnswer; problem?: Problem }>({});
  const asked = JSON.stringify(body);
  useEffect(() => {
    if (body === null) return setSeen({});
    const asking = new AbortController();
    const timer = setTimeout(() => {
      send(target, body, true, asking.signal)
        .then((answer) => setSeen({ answer }))
        .catch((error: unknown) => {
          if (!isAborted(error)) setSeen({ problem: asProblem(error) });
        });
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [asked]);
  return seen;
}
