// The beginning: who is it, and which page.

import { effect, signal } from "@preact/signals";
import { Component, type ComponentChildren, render } from "preact";
import { useEffect } from "preact/hooks";
import { asProblem, type Problem } from "./api/problem";
import { isCalm, whenIdle } from "./app/idle";
import { DRAWN } from "./app/pages";
import { path, section, startRouter } from "./app/router";
import { lookWho, me } from "./app/session";
import { Shell } from "./app/shell";
import { startTheme } from "./app/theme";
import { startWaiting } from "./app/waiting";
import { startEffects } from "./live/effects";
import { startLive, stopLive } from "./live/live";
import { LoginPage } from "./login/login";
import { Empty, Failed } from "./parts/empty";
import { stop } from "./player/queue";
import { startPlayer } from "./player/sound";
import { startWords, words } from "./words";

const LOOK_AGAIN_MS = 3000;

const trouble = signal<Problem | undefined>(undefined);

function App() {
  const isIn = Boolean(me.value);
  useEffect(() => {
    if (!isIn) return;
    startLive(() => void look());
    return () => {
      stopLive();
      stop();
    };
  }, [isIn]);
  if (me.value === undefined) {
    return trouble.value ? <Failed problem={trouble.value} again={() => void look()} /> : <span class="starting" />;
  }
  if (me.value === null) return <LoginPage />;
  const Page = DRAWN[section.value] ?? NotFound;
  return (
    <Shell>
      <Guarded key={path.value}>
        <Page />
      </Guarded>
    </Shell>
  );
}

function NotFound() {
  const { errors } = words.value;
  return (
    <Empty icon="search" title={errors.notFound}>
      <a class="button primary" href="/library">
        {errors.goHome}
      </a>
    </Empty>
  );
}

/** A fault in one page leaves the others, and the music, alone. */
class Guarded extends Component<{ children: ComponentChildren }, { isBroken: boolean }> {
  override state = { isBroken: false };

  static override getDerivedStateFromError() {
    return { isBroken: true };
  }

  override componentDidCatch(error: unknown) {
    console.error(error);
  }

  override render() {
    const { errors } = words.value;
    return this.state.isBroken ? <Empty icon="warning" title={errors.broken} hint={errors.brokenHint} /> : this.props.children;
  }
}

async function look(): Promise<void> {
  try {
    await lookWho();
    trouble.value = undefined;
  } catch (error) {
    trouble.value = asProblem(error);
    setTimeout(() => void look(), LOOK_AGAIN_MS);
  }
}

startTheme();
startWords();
startRouter();
startEffects();
startPlayer();
effect(() => {
  if (isCalm.value) whenIdle(startWaiting);
});
void look();
render(<App />, document.getElementById("app") as HTMLElement);
if ("serviceWorker" in navigator && isSecureContext) {
  addEventListener("load", () => whenIdle(() => void navigator.serviceWorker.register("/sw.js").catch(() => {})));
}
