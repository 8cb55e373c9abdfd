// Settings as a form: each by what it is, saved together, refused by name.

import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Setting, SettingsChange } from "../api/schema";
import { spoil } from "../api/store";
import { say } from "../app/toasts";
import { Field, FormProblem, Switch, TextField, useSend } from "../parts/form";
import { words } from "../words";
import { isOther, problemOfSetting, sentOf, shownOf } from "./value";

/** What goes in and is not shown as it is: a secret, an account. An empty field leaves it as it was. */
export interface HiddenField {
  name: string;
  label: string;
  hint: string;
  type: "password" | "email";
}

interface Props {
  settings: Setting[];
  hidden?: HiddenField[];
  /** After saving, or at once when nothing was changed. */
  test?: (() => Promise<void>) | undefined;
}

export function SettingsForm({ settings, hidden = [], test }: Props) {
  const { settings: said, house, save } = words.value;
  const [texts, setTexts] = useState<Record<string, string>>({});
  const { isBusy, problem, send } = useSend();
  const values = settings.map(({ value }) => value).join();
  const all = settings.map((setting) => ({ setting, ...shownOf(setting.value) }));
  const changed = all.filter(({ setting, kind, text }) => isOther(kind, texts[setting.name], text));
  // What is as the house has it by now is nobody's edit any more.
  useEffect(() => {
    const kept = Object.entries(texts).filter(([name]) => changed.some(({ setting }) => setting.name === name) || hidden.some((one) => one.name === name));
    setTexts(Object.fromEntries(kept));
  }, [values]);
  const told = hidden.filter(({ name }) => texts[name]);
  const isDirty = changed.length + told.length > 0;
  const put = async () => {
    const body: SettingsChange = {};
    for (const { setting, kind } of changed) body[setting.name] = sentOf(kind, texts[setting.name] ?? "");
    for (const { name } of told) body[name] = texts[name];
    const { restart } = await api("PUT /api/settings", { body });
    // What goes in hidden is gone from the page at once; the rest stays until the answer has it.
    setTexts(Object.fromEntries(Object.entries(texts).filter(([name]) => !told.some((one) => one.name === name))));
    spoil("settings", "sources");
    if (restart.length > 0) say(said.restart(restart.join(" ")));
    else say(house.saved, { kind: "good" });
  };
  const set = (name: string) => (text: string) => setTexts({ ...texts, [name]: text });
  const isShown = all.some(({ setting }) => problemOfSetting(problem, setting.name));
  return (
    <form
      class="card form-card"
      onSubmit={(event) => {
        event.preventDefault();
        void send(put);
      }}
    >
      <div class="form-pair is-wide">
        {all.map(({ setting, kind, text }) => (
          <OneSetting key={setting.name} setting={setting} kind={kind} text={texts[setting.name] ?? text} set={set(setting.name)} problem={problemOfSetting(problem, setting.name)} />
        ))}
        {hidden.map(({ name, label, hint, type }) => (
          <TextField
            key={name}
            label={label}
            hint={hint}
            type={type}
            value={texts[name] ?? ""}
            set={set(name)}
            problem={problemOfSetting(problem, name)}
            input={{ autocomplete: "off", placeholder: type === "password" ? "••••••••" : "" }}
          />
        ))}
      </div>
      {!isShown && <FormProblem problem={problem} />}
      <div class="form-foot">
        <button class="button primary" disabled={isBusy || !isDirty}>
          {save}
        </button>
        {test && (
          <button
            type="button"
            class="button"
            disabled={isBusy}
            onClick={() =>
              void send(async () => {
                if (isDirty) await put();
                await test();
              })
            }
          >
            {isDirty ? said.saveAndTest : house.test}
          </button>
        )}
      </div>
    </form>
  );
}

interface OneProps {
  setting: Setting;
  kind: ReturnType<typeof shownOf>["kind"];
  text: string;
  set: (text: string) => void;
  problem: string;
}

function OneSetting({ setting, kind, text, set, problem }: OneProps) {
  const { settings: said } = words.value;
  const label = said.names[setting.name] ?? setting.name;
  const standard = shownOf(setting.default).text;
  const hint = [said.hasMeanings || !said.names[setting.name] ? setting.meaning : "", standard !== "" && standard !== text && kind !== "switch" ? said.standard(standard) : ""].filter(Boolean).join(" ");
  if (kind === "switch") return <Switch label={label} hint={problem || hint} isOn={text !== ""} set={(isOn) => set(isOn ? "on" : "")} />;
  if (kind === "list") {
    return (
      <Field label={label} hint={hint} problem={problem}>
        {(of) => <textarea {...of} rows={3} value={text} spellcheck={false} onInput={(event) => set(event.currentTarget.value)} />}
      </Field>
    );
  }
  return <TextField label={label} hint={hint} problem={problem} type={kind === "number" ? "number" : "text"} value={text} set={set} input={kind === "number" ? { step: "any" } : {}} />;
}
