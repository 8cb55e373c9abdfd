// Before something is kept out: why, and where its files go.

import { useState } from "preact/hooks";
import { Dialog } from "../parts/dialog";
import { FormProblem, problemOfField, Switch, TextField, useSend } from "../parts/form";
import { words } from "../words";
import { reject } from "./decisions";

export function RejectDialog({ id, title, close, done }: { id: number; title: string; close: () => void; done?: () => void }) {
  const { inbox: said, cancel } = words.value;
  const [reason, setReason] = useState("");
  const [toTrash, setToTrash] = useState(false);
  const { isBusy, problem, send } = useSend();
  const run = async () => {
    if (!(await send(() => reject(id, title, reason.trim(), toTrash)))) return;
    close();
    done?.();
  };
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {cancel}
      </button>
      <button type="button" class="button danger" disabled={isBusy} onClick={() => void run()}>
        {said.reject}
      </button>
    </>
  );
  return (
    <Dialog title={said.rejectTitle} onClose={close} actions={actions}>
      <p dir="auto">{said.rejectText(title)}</p>
      <TextField label={said.why} hint={said.whyHint} value={reason} set={setReason} problem={problemOfField(problem, "reason")} />
      <Switch label={said.toTrash} hint={said.toTrashHint} isOn={toTrash} set={setToTrash} />
      <FormProblem problem={problem} fields={["reason"]} />
    </Dialog>
  );
}
