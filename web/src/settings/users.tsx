// People: who may log in, and who looks after the house.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { User } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { me } from "../app/session";
import { say } from "../app/toasts";
import { Badge } from "../parts/badge";
import { confirm, Dialog } from "../parts/dialog";
import { Failed, SkeletonLines } from "../parts/empty";
import { FormProblem, problemOfField, Switch, TextField, useSend } from "../parts/form";
import { Icon } from "../parts/icon";
import { Part, Row, Rows } from "../parts/rows";
import { day } from "../parts/time";
import { words } from "../words";

export function UsersTab() {
  const { settings: said, house, edit, locale } = words.value;
  const [edited, setEdited] = useState<User | "new" | null>(null);
  const found = useResource<User[]>("users", (signal) => api("GET /api/admin/users", { signal }), ["users"]);
  const all = found.data.value;
  const tools = (
    <button type="button" class="button small" onClick={() => setEdited("new")}>
      <Icon name="plus" size={16} /> {said.addUser}
    </button>
  );
  return (
    <Part title={said.tabs.users} hint={said.hints.users} tools={tools}>
      {!all && (found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines count={4} />)}
      {all && (
        <Rows label={said.tabs.users}>
          {all.map((user) => (
            <Row
              key={user.id}
              icon="account"
              title={
                <>
                  {user.username} {user.is_admin && <Badge kind="good">{said.admin}</Badge>} {user.id === me.value?.id && <Badge>{said.you}</Badge>}
                </>
              }
              below={said.userSince(day(user.created_at, locale))}
              tools={
                <button type="button" class="button small" aria-label={house.of(edit, user.username)} onClick={() => setEdited(user)}>
                  {edit}
                </button>
              }
              corner={user.id !== me.value?.id && <Remove user={user} />}
            />
          ))}
        </Rows>
      )}
      {edited && <UserDialog user={edited === "new" ? null : edited} close={() => setEdited(null)} />}
    </Part>
  );
}

function Remove({ user }: { user: User }) {
  const { settings: said, house } = words.value;
  const remove = () =>
    confirm({
      title: said.removeUser(user.username),
      text: said.removeUserText,
      does: words.value.delete,
      isDanger: true,
      run: async () => {
        await api("DELETE /api/admin/users/{id}", { path: { id: user.id } });
        spoil("users", "activity");
      },
    });
  return (
    <button type="button" class="icon-button" aria-label={house.of(words.value.delete, user.username)} onClick={remove}>
      <Icon name="trash" size={18} />
    </button>
  );
}

function UserDialog({ user, close }: { user: User | null; close: () => void }) {
  const { settings: said, house, login, cancel, save } = words.value;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [isAdmin, setAdmin] = useState(user?.is_admin ?? false);
  const { isBusy, problem, send } = useSend();
  const submit = async (event: Event) => {
    event.preventDefault();
    const isTaken = await send(async () => {
      if (user) await api("PUT /api/admin/users/{id}", { path: { id: user.id }, body: { is_admin: isAdmin, password: password || null } });
      else await api("POST /api/admin/users", { body: { username: name.trim(), password, is_admin: isAdmin } });
      spoil("users", "activity");
      say(house.saved, { kind: "good" });
    });
    if (isTaken) close();
  };
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {cancel}
      </button>
      <button type="submit" form="user" class="button primary" disabled={isBusy}>
        {save}
      </button>
    </>
  );
  return (
    <Dialog title={user?.username ?? said.addUser} onClose={close} actions={actions}>
      <form id="user" class="form" onSubmit={(event) => void submit(event)}>
        {!user && <TextField label={login.name} hint={said.nameHint} value={name} set={setName} problem={problemOfField(problem, "username")} input={{ required: true, autocomplete: "off" }} />}
        <TextField
          label={user ? said.newPassword : login.password}
          hint={user ? said.newPasswordHint : ""}
          type="password"
          value={password}
          set={setPassword}
          problem={problemOfField(problem, "password")}
          input={{ required: !user, autocomplete: "new-password" }}
        />
        <Switch label={said.isAdmin} hint={said.isAdminHint} isOn={isAdmin} set={setAdmin} />
        <FormProblem problem={problem} fields={["username", "password"]} />
      </form>
    </Dialog>
  );
}
