// The door.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import { asProblem } from "../api/problem";
import { useResource } from "../api/store";
import { logIn } from "../app/session";
import { Icon } from "../parts/icon";
import { Mark } from "../parts/mark";
import { words } from "../words";
import { textOf } from "../words/problems";

export function LoginPage() {
  const { login } = words.value;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [isShown, setShown] = useState(false);
  const openId = useResource("oidc", () => api("GET /api/auth/oidc"), []).data.value;

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setWrong("");
    try {
      await logIn(name, password);
    } catch (error) {
      const problem = asProblem(error);
      setWrong(problem.status === 401 ? login.wrong : textOf(problem));
      setBusy(false);
    }
  };

  return (
    <main class="login" id="content" tabIndex={-1}>
      <form class="login-card" onSubmit={(event) => void submit(event)}>
        <Mark size={56} />
        <h1>{login.title}</h1>
        <p class="muted">{login.subtitle}</p>
        <label class="field">
          <span>{login.name}</span>
          <input
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            autofocus
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>{login.password}</span>
          <span class="with-button">
            <input
              name="password"
              type={(isShown ? "text" : "password") as "password"}
              autocomplete="current-password"
              required
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
            <button type="button" class="icon-button" aria-pressed={isShown} aria-label={login.shown} onClick={() => setShown(!isShown)}>
              <Icon name="eye" />
            </button>
          </span>
        </label>
        <p class="form-problem" role="alert">
          {wrong}
        </p>
        <button class="button primary wide" disabled={isBusy}>
          {login.logIn}
        </button>
        {openId?.enabled && (
          <a class="button wide" href="/api/auth/oidc/start">
            {login.elsewhere}
          </a>
        )}
      </form>
    </main>
  );
}
