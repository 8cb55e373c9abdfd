// Tokens for programs: each is told once, and can be ended at any time.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { IssuedToken, TokenScope } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { isAdmin } from "../app/session";
import { sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { confirm, Dialog } from "../parts/dialog";
import { SkeletonLines } from "../parts/empty";
import { Choices, FormProblem, problemOfField, SelectField, TextField, useSend } from "../parts/form";
import { Icon } from "../parts/icon";
import { Facts, Part, Row, Rows } from "../parts/rows";
import { ago } from "../parts/time";
import { words } from "../words";

const DAYS = ["", "30", "90", "365"] as const;

export function TokensPart() {
  const { account: said, house, locale } = words.value;
  const [isMaking, setMaking] = useState(false);
  const found = useResource("tokens", (signal) => api("GET /api/auth/tokens", { signal }), ["tokens"]);
  const all = found.data.value;
  if (!all) return found.error.value ? null : <SkeletonLines count={3} />;
  const end = (id: number, name: string) =>
    confirm({
      title: said.endToken,
      text: said.endTokenText(name),
      does: said.end,
      isDanger: true,
      run: async () => {
        await api("DELETE /api/auth/tokens/{id}", { path: { id } });
        spoil("tokens");
      },
    });
  const tools = (
    <button type="button" class="button small" onClick={() => setMaking(true)}>
      <Icon name="plus" size={16} /> {said.newToken}
    </button>
  );
  return (
    <Part title={said.tokens} hint={said.tokensHint} tools={tools}>
      {all.length > 0 && (
        <Rows label={said.tokens}>
          {all.map((one) => (
            <Row
              key={one.id}
              icon="link"
              title={
                <>
                  {one.name} <Badge>{said.scopes[one.scope]}</Badge>
                </>
              }
              below={
                <Facts
                  of={[
                    said.made(ago(one.created_at, locale)),
                    one.last_used_at ? said.used(ago(one.last_used_at, locale)) : said.neverUsed,
                    one.expires_at && said.ends(ago(one.expires_at, locale)),
                  ]}
                />
              }
              tools={
                <button type="button" class="button small" aria-label={house.of(said.end, one.name)} onClick={() => end(one.id, one.name)}>
                  {said.end}
                </button>
              }
            />
          ))}
        </Rows>
      )}
      {isMaking && <NewTokenDialog close={() => setMaking(false)} />}
    </Part>
  );
}

function NewTokenDialog({ close }: { close: () => void }) {
  const { account: said, cancel, close: closeWord } = words.value;
  const [name, setName] = useState("");
  const [scope, setScope] = useState<TokenScope>("read");
  const [days, setDays] = useState<(typeof DAYS)[number]>("");
  const [made, setMade] = useState<IssuedToken | null>(null);
  const { isBusy, problem, send } = useSend();
  const submit = (event: Event) => {
    event.preventDefault();
    void send(async () => {
      setMade(await api("POST /api/auth/tokens", { body: { name: name.trim(), scope, expires_in_days: days ? Number(days) : null } }));
      spoil("tokens");
    });
  };
  if (made) {
    const done = (
      <button type="button" class="button primary" onClick={close}>
        {closeWord}
      </button>
    );
    return (
      <Dialog title={made.name} onClose={close} actions={done}>
        <p>{said.tokenOnce}</p>
        <Secret text={made.token} />
      </Dialog>
    );
  }
  const scopes = (["read", "write", "admin"] as const).filter((one) => one !== "admin" || isAdmin.value);
  const actions = (
    <>
      <button type="button" class="button" onClick={close}>
        {cancel}
      </button>
      <button type="submit" form="new-token" class="button primary" disabled={isBusy}>
        {said.newToken}
      </button>
    </>
  );
  return (
    <Dialog title={said.newToken} onClose={close} actions={actions}>
      <form id="new-token" class="form" onSubmit={submit}>
        <TextField label={said.tokenName} hint={said.tokenNameHint} value={name} set={setName} problem={problemOfField(problem, "name")} input={{ required: true }} />
        <Choices label={said.scope} value={scope} set={setScope} options={scopes.map((one) => [one, said.scopes[one], said.scopeHints[one]] as const)} />
        <SelectField label={said.lasts} value={days} set={setDays} options={DAYS.map((one) => [one, one ? said.days(Number(one)) : said.forever] as const)} problem={problemOfField(problem, "expires_in_days")} />
        <FormProblem problem={problem} fields={["name", "expires_in_days"]} />
      </form>
    </Dialog>
  );
}

function Secret({ text }: { text: string }) {
  const { house } = words.value;
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch (error) {
      // Without TLS there is no clipboard: the text stands there to be marked.
      sayProblem(error);
    }
  };
  return (
    <p class="secret">
      <code tabIndex={0}>{text}</code>
      <button type="button" class="button small" onClick={() => void copy()}>
        {isCopied ? house.copied : house.copy}
      </button>
    </p>
  );
}
