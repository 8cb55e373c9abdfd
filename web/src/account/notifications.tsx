// How I am told of what needs me: a webhook, a topic at ntfy, an e-mail address; each can be tried.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { NewTarget, Notifications, Target } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { confirm, Dialog } from "../parts/dialog";
import { SkeletonLines } from "../parts/empty";
import { FormProblem, problemOfField, SelectField, Switch, TextField, useSend } from "../parts/form";
import { Icon } from "../parts/icon";
import { Facts, Part, Row, Rows } from "../parts/rows";
import { ago } from "../parts/time";
import { words } from "../words";

export function NotificationsPart() {
  const { notifications: said } = words.value;
  const [edited, setEdited] = useState<Target | "new" | null>(null);
  const found = useResource("notifications", (signal) => api("GET /api/me/notifications", { signal }), ["notifications"]);
  const all = found.data.value;
  if (!all) return found.error.value ? null : <SkeletonLines count={3} />;
  const tools = (
    <button type="button" class="button small" onClick={() => setEdited("new")}>
      <Icon name="plus" size={16} /> {said.add}
    </button>
  );
  return (
    <Part title={said.title} hint={said.hint} tools={tools}>
      {all.targets.length > 0 && (
        <Rows label={said.title}>
          {all.targets.map((target) => (
            <TargetRow key={target.id} target={target} edit={() => setEdited(target)} />
          ))}
        </Rows>
      )}
      {edited && <TargetDialog all={all} target={edited === "new" ? null : edited} close={() => setEdited(null)} />}
    </Part>
  );
}

function TargetRow({ target, edit }: { target: Target; edit: () => void }) {
  const { notifications: said, house, locale, edit: editWord } = words.value;
  const [isBusy, setBusy] = useState(false);
  const test = async () => {
    setBusy(true);
    try {
      const results = await api("POST /api/me/notifications/test", { body: { id: target.id } });
      const failed = results.find((one) => !one.sent);
      if (failed) say(failed.error ?? said.notSent, { kind: "bad" });
      else say(said.sent, { kind: "good" });
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
      spoil("notifications");
    }
  };
  const remove = () =>
    confirm({
      title: said.remove,
      text: said.removeText(target.address),
      does: words.value.delete,
      isDanger: true,
      run: async () => {
        await api("DELETE /api/me/notifications/{id}", { path: { id: target.id } });
        spoil("notifications");
      },
    });
  return (
    <Row
      icon={target.last_error ? "warning" : "activity"}
      kind={target.last_error ? "bad" : undefined}
      title={
        <>
          {target.address} <Badge>{said.kinds[target.kind] ?? target.kind}</Badge> {!target.is_enabled && <Badge kind="warn">{said.off}</Badge>}
        </>
      }
      below={<Facts of={[target.events.map((one) => said.events[one] ?? one).join(", "), target.last_sent_at && said.lastSent(ago(target.last_sent_at, locale))]} />}
      tools={
        <>
          <button type="button" class="button small" disabled={isBusy} aria-label={house.of(house.test, target.address)} onClick={() => void test()}>
            {house.test}
          </button>
          <button type="button" class="button small" aria-label={house.of(editWord, target.address)} onClick={edit}>
            {editWord}
          </button>
        </>
      }
      corner={
        <button type="button" class="icon-button" aria-label={house.of(words.value.delete, target.address)} onClick={remove}>
          <Icon name="trash" size={18} />
        </button>
      }
    >
      {target.last_error && <p class="row-problem">{target.last_error}</p>}
    </Row>
  );
}

function TargetDialog({ all, target, close }: { all: Notifications; target: Target | null; close: () => void }) {
  const { notifications: said, cancel, save } = words.value;
  const [kind, setKind] = useState(target?.kind ?? all.kinds[0] ?? "ntfy");
  const [address, setAddress] = useState(target?.address ?? "");
  const [events, setEvents] = useState<ReadonlySet<string>>(new Set(target?.events ?? all.events.map((one) => one.name)));
  const [isEnabled, setEnabled] = useState(target?.is_enabled ?? true);
  const { isBusy, problem, send } = useSend();
  const submit = async (event: Event) => {
    event.preventDefault();
    const body: NewTarget = { kind, address: address.trim(), events: [...events], is_enabled: isEnabled };
    const isTaken = await send(async () => {
      if (target) await api("PUT /api/me/notifications/{id}", { path: { id: target.id }, body });
      else await api("POST /api/me/notifications", { body });
      spoil("notifications");
    });
    if (isTaken) close();
  };
  const toggle = (name: string, isOn: boolean) => {
    const next = new Set(events);
    if (isOn) next.add(name);
    else next.delete(name);
    setEvents(next);
  };
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {cancel}
      </button>
      <button type="submit" form="target" class="button primary" disabled={isBusy}>
        {save}
      </button>
    </>
  );
  return (
    <Dialog title={target ? said.change : said.add} onClose={close} actions={actions}>
      <form id="target" class="form" onSubmit={(event) => void submit(event)}>
        <SelectField label={said.kind} value={kind} set={setKind} options={all.kinds.map((one) => [one, said.kinds[one] ?? one] as const)} problem={problemOfField(problem, "kind")} />
        <TextField label={said.address} hint={said.addressHints[kind]} value={address} set={setAddress} problem={problemOfField(problem, "address")} input={{ required: true }} />
        <fieldset class="choices">
          <legend>{said.what}</legend>
          {all.events.map((one) => (
            <Switch key={one.name} label={said.events[one.name] ?? one.meaning} isOn={events.has(one.name)} set={(isOn) => toggle(one.name, isOn)} />
          ))}
        </fieldset>
        <Switch label={said.on} isOn={isEnabled} set={setEnabled} />
        <FormProblem problem={problem} fields={["kind", "address"]} />
      </form>
    </Dialog>
  );
}
