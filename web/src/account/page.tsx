// My account: how it looks, my password, how I am told of things, and who may act as me.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import { spoil, useResource } from "../api/store";
import { logOut, me } from "../app/session";
import { type Theme, theme } from "../app/theme";
import { say, sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { confirm } from "../parts/dialog";
import { SkeletonLines } from "../parts/empty";
import { Choices, FormProblem, problemOfField, TextField, useSend } from "../parts/form";
import { PageHead } from "../parts/head";
import { Icon } from "../parts/icon";
import { Facts, More, Part, Row, Rows } from "../parts/rows";
import { ago, day } from "../parts/time";
import { language, languages, words } from "../words";
import { agentOf } from "./agent";
import { NotificationsPart } from "./notifications";
import { TokensPart } from "./tokens";

/** Of many sessions, so many are shown at first: the last used. */
const FEW = 5;

export function AccountPage() {
  const { account: said, locale, login, shell } = words.value;
  const who = me.value;
  return (
    <div class="narrow">
      <PageHead title={shell.account} aside={who?.created_at ? said.since(who.username, day(who.created_at, locale)) : (who?.username ?? "")}>
        <button type="button" class="button" onClick={() => void logOut().catch(sayProblem)}>
          <Icon name="logout" size={18} /> {login.logOut}
        </button>
      </PageHead>
      <Looks />
      <PasswordPart />
      <NotificationsPart />
      <SessionsPart />
      <TokensPart />
    </div>
  );
}

function Looks() {
  const { account: said, shell } = words.value;
  const themes: [Theme, string][] = [
    ["auto", shell.auto],
    ["light", shell.light],
    ["dark", shell.dark],
  ];
  const all: [string, string][] = [["auto", said.asBrowser], ...Object.entries(languages).map(([code, of]): [string, string] => [code, of.language])];
  return (
    <Part title={said.looks} hint={said.looksHint}>
      <div class="card form-pair">
        <Choices label={shell.theme} value={theme.value} set={(one) => (theme.value = one)} options={themes} />
        <Choices label={shell.language} value={language.value} set={(one) => (language.value = one)} options={all} />
      </div>
    </Part>
  );
}

function PasswordPart() {
  const { account: said, login, save } = words.value;
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const { isBusy, problem, send } = useSend();
  const openId = useResource("oidc", () => api("GET /api/auth/oidc"), []).data.value;
  const submit = async (event: Event) => {
    event.preventDefault();
    const isTaken = await send(async () => {
      const { sessions_ended: ended } = await api("PUT /api/auth/password", { body: { current_password: current, new_password: next } });
      say(said.passwordChanged(ended), { kind: "good" });
      spoil("sessions");
    });
    if (!isTaken) return;
    setCurrent("");
    setNext("");
  };
  const connect = async () => {
    try {
      location.assign((await api("POST /api/auth/oidc/connect")).url);
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <Part title={login.password} hint={said.passwordHint}>
      <form class="card form-card" onSubmit={(event) => void submit(event)}>
        <input type="text" name="username" autocomplete="username" value={me.value?.username} hidden readOnly />
        <div class="form-pair">
          <TextField
            label={said.current}
            type="password"
            value={current}
            set={setCurrent}
            problem={problemOfField(problem, "current_password")}
            input={{ autocomplete: "current-password", required: true }}
          />
          <TextField label={said.next} type="password" value={next} set={setNext} problem={problemOfField(problem, "new_password")} input={{ autocomplete: "new-password", required: true }} />
        </div>
        <FormProblem problem={problem} fields={["current_password", "new_password"]} />
        <div class="form-foot">
          <button class="button primary" disabled={isBusy}>
            {save}
          </button>
          {openId?.enabled && (
            <button type="button" class="button" onClick={() => void connect()}>
              {said.connect}
            </button>
          )}
        </div>
      </form>
    </Part>
  );
}

function SessionsPart() {
  const { account: said, house, locale } = words.value;
  const found = useResource("sessions", (signal) => api("GET /api/auth/sessions", { signal }), ["sessions"]);
  const [isWhole, setWhole] = useState(false);
  const all = found.data.value;
  if (!all) return found.error.value ? null : <SkeletonLines count={3} />;
  const shown = isWhole ? all : all.slice(0, FEW);
  const end = async (run: () => Promise<unknown>) => {
    try {
      await run();
    } catch (error) {
      sayProblem(error);
    }
    spoil("sessions");
  };
  const endOthers = () =>
    confirm({
      title: said.endOthers,
      text: said.endOthersText,
      does: said.end,
      isDanger: true,
      run: async () => {
        await api("DELETE /api/auth/sessions");
        spoil("sessions");
      },
    });
  const tools = all.length > 1 && (
    <button type="button" class="button small" onClick={endOthers}>
      {said.endOthers}
    </button>
  );
  return (
    <Part title={said.sessions} hint={said.sessionsHint} tools={tools}>
      <Rows label={said.sessions}>
        {shown.map((one) => (
          <Row
            key={one.id}
            icon="account"
            title={
              <>
                {agentOf(one.user_agent ?? "") || said.unknownProgram} {one.is_current && <Badge kind="good">{said.here}</Badge>}
              </>
            }
            below={<Facts of={[one.address, said.used(ago(one.last_seen_at, locale)), said.ends(ago(one.expires_at, locale))]} />}
            tools={
              !one.is_current && (
                <button
                  type="button"
                  class="button small"
                  aria-label={house.of(said.end, agentOf(one.user_agent ?? ""))}
                  onClick={() => void end(() => api("DELETE /api/auth/sessions/{id}", { path: { id: one.id } }))}
                >
                  {said.end}
                </button>
              )
            }
          />
        ))}
      </Rows>
      <More isThere={shown.length < all.length} isBusy={false} run={() => setWhole(true)} />
    </Part>
  );
}
