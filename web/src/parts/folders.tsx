// A folder on the server: typed, or found by looking. For admins, since only they may look.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import { useResource } from "../api/store";
import { words } from "../words";
import { Dialog } from "./dialog";
import { Failed, SkeletonLines } from "./empty";
import { TextField } from "./form";
import { Icon } from "./icon";

interface Props {
  label: string;
  hint?: string;
  value: string;
  set: (path: string) => void;
  problem?: string | undefined;
}

export function FolderField({ label, hint, value, set, problem }: Props) {
  const { folders: said } = words.value;
  const [isLooking, setLooking] = useState(false);
  return (
    <div class="folder-field">
      <TextField label={label} hint={hint} value={value} set={set} problem={problem} input={{ placeholder: "/srv/…" }} />
      <button type="button" class="button" onClick={() => setLooking(true)}>
        {said.look}
      </button>
      {isLooking && (
        <FolderDialog
          start={value}
          close={() => setLooking(false)}
          choose={(path) => {
            set(path);
            setLooking(false);
          }}
        />
      )}
    </div>
  );
}

export function FolderDialog({ start, close, choose }: { start: string; close: () => void; choose: (path: string) => void }) {
  const { folders: said, cancel } = words.value;
  const [path, setPath] = useState(start.startsWith("/") ? start : "/");
  const found = useResource(`folders ${path}`, (signal) => api("GET /api/settings/browse", { query: { path }, signal }), []);
  const names = found.data.value?.directories;
  const steps = path.split("/").filter(Boolean);
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {cancel}
      </button>
      <button type="button" class="button primary" disabled={path === "/" || Boolean(found.error.value)} onClick={() => choose(path)}>
        {said.choose}
      </button>
    </>
  );
  return (
    <Dialog title={said.title} onClose={close} actions={actions}>
      <nav class="crumbs" aria-label={said.where}>
        <button type="button" class="link-button" onClick={() => setPath("/")}>
          /
        </button>
        {steps.map((step, n) => (
          <button key={n} type="button" class="link-button" aria-current={n === steps.length - 1} dir="auto" onClick={() => setPath(`/${steps.slice(0, n + 1).join("/")}`)}>
            {step} /
          </button>
        ))}
      </nav>
      {found.error.value && <Failed problem={found.error.value} again={() => setPath("/")} />}
      {!names && !found.error.value && <SkeletonLines count={5} />}
      {names && (
        <div class="folders">
          {names.length === 0 && <p class="muted">{said.none}</p>}
          {names.map((name) => (
            <button key={name} type="button" class="menu-item" dir="auto" onClick={() => setPath(`${path === "/" ? "" : path}/${name}`)}>
              <Icon name="library" size={18} /> {name}
            </button>
          ))}
        </div>
      )}
    </Dialog>
  );
}
