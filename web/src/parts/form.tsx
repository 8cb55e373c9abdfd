// What a form is made of: fields with a name, a hint, and what does not fit in them.

import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/problem";
import { textOf } from "../words/problems";

/** Sends what a form holds, and knows what did not fit. */
export function useSend() {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  /** True when it was taken. */
  const send = async (run: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await run();
      return true;
    } catch (error) {
      setProblem(asProblem(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, problem, send };
}

/** What does not fit in this field. */
export function problemOfField(problem: Problem | undefined, field: string): string {
  const found = problem?.fields.filter((one) => one.field === field || one.field.startsWith(`${field}.`)) ?? [];
  return found.map((one) => one.message).join("; ");
}

/** What is wrong that no field of the form can show. */
export function FormProblem({ problem, fields = [] }: { problem: Problem | undefined; fields?: string[] }) {
  const isShown = problem && !problem.fields.some((one) => fields.includes(one.field.split(".")[0] ?? ""));
  const text = problem && textOf(problem);
  return (
    <p class="form-problem" role="alert">
      {isShown ? text : ""}
    </p>
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  problem?: string | undefined;
  children: (of: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => JSX.Element;
}

/** A name above, what it means beneath. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": `${id}-hint`, "aria-invalid": Boolean(problem) })}
      <small id={`${id}-hint`} class={problem ? "form-problem" : ""}>
        {problem || hint}
      </small>
    </div>
  );
}

type TextProps = Omit<FieldProps, "children"> & {
  value: string;
  set: (value: string) => void;
  type?: "text" | "password" | "url" | "number" | "email" | "search";
  /** More of the input. */
  input?: Record<string, unknown>;
};

export function TextField({ value, set, type = "text", input, ...field }: TextProps) {
  return (
    <Field {...field}>
      {(of) => (
        <input
          {...of}
          type={type as "text"}
          value={value}
          autocapitalize="none"
          spellcheck={false}
          {...input}
          onInput={(event) => set(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

type SelectProps<T extends string> = Omit<FieldProps, "children"> & { value: T; set: (value: T) => void; options: readonly (readonly [T, string])[] };

export function SelectField<T extends string>({ value, set, options, ...field }: SelectProps<T>) {
  return (
    <Field {...field}>
      {(of) => (
        <select {...of} value={value} onChange={(event) => set(event.currentTarget.value as T)}>
          {options.map(([name, said]) => (
            <option key={name} value={name}>
              {said}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** On or off, at once. */
export function Switch({ label, hint, isOn, set, isDisabled = false }: { label: string; hint?: ComponentChildren; isOn: boolean; set: (isOn: boolean) => void; isDisabled?: boolean }) {
  const id = useId();
  return (
    <div class="switch">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={isOn}
        disabled={isDisabled}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => set(event.currentTarget.checked)}
      />
      <span>
        <label for={id}>{label}</label>
        {hint && <small id={`${id}-hint`}>{hint}</small>}
      </span>
    </div>
  );
}

/** One of a few, all of them to be seen. */
export function Choices<T extends string>({ label, value, set, options }: { label: string; value: T; set: (value: T) => void; options: readonly (readonly [T, string, string?])[] }) {
  const name = useId();
  return (
    <fieldset class="choices">
      <legend>{label}</legend>
      {options.map(([one, said, hint]) => (
        <label key={one} class="choice">
          <input type="radio" name={name} value={one} checked={one === value} onChange={() => set(one)} />
          <span>
            {said}
            {hint && <small>{hint}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
