// A list of things that are more than a line: what it is, how it is, and what can be done with it.

import type { ComponentChildren } from "preact";
import { words } from "../words";
import { Icon, type IconName } from "./icon";

export function Rows({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <ul class="rows" aria-label={label}>
      {children}
    </ul>
  );
}

interface RowProps {
  icon?: IconName;
  /** Instead of the icon. */
  picture?: ComponentChildren;
  kind?: "good" | "bad" | "warn" | undefined;
  title: ComponentChildren;
  below?: ComponentChildren;
  /** Buttons. */
  tools?: ComponentChildren;
  /** One more, which stays beside the title on a phone: the way to be rid of it, a menu. */
  corner?: ComponentChildren;
  /** Beneath it all: progress, details. */
  children?: ComponentChildren;
}

export function Row({ icon, picture, kind, title, below, tools, corner, children }: RowProps) {
  return (
    <li class="row">
      <span class={`row-picture ${kind ?? ""}`}>{picture ?? (icon && <Icon name={icon} />)}</span>
      <div class="row-words">
        <div class="row-title" dir="auto">
          {title}
        </div>
        {below && <div class="row-below">{below}</div>}
        {children}
      </div>
      {tools && <div class="row-tools">{tools}</div>}
      {corner && <div class="row-corner">{corner}</div>}
    </li>
  );
}

/** Facts in a line, with a dot between those that are there. */
export function Facts({ of }: { of: ComponentChildren[] }) {
  const there = of.filter((one) => one !== null && one !== undefined && one !== "" && one !== false);
  return (
    <span class="fact-line">
      {there.map((one, n) => (
        <span key={n} dir="auto">
          {one}
        </span>
      ))}
    </span>
  );
}

/** How far something is, in percent; without a number, that it goes on. */
export function Progress({ percent, label }: { percent?: number | undefined; label: string }) {
  return <progress class="progress" max={100} value={percent} aria-label={label} />;
}

/** One of a few; the address or the caller remembers which. */
export function Chips<T extends string>({ label, all, chosen, choose }: { label: string; all: readonly [T, string][]; chosen: T; choose: (one: T) => void }) {
  return (
    <div class="chips" role="group" aria-label={label}>
      {all.map(([value, said]) => (
        <button key={value} type="button" class="chip" aria-pressed={value === chosen} onClick={() => choose(value)}>
          {said}
        </button>
      ))}
    </div>
  );
}

/** The way to what follows, when there is more. */
export function More({ isThere, isBusy, run }: { isThere: boolean; isBusy: boolean; run: () => void }) {
  if (!isThere) return null;
  return (
    <p class="more">
      <button type="button" class="button" disabled={isBusy} onClick={run}>
        {isBusy ? words.value.loading : words.value.house.more}
      </button>
    </p>
  );
}

/** A part of a page with a heading, and what can be done with all of it. */
export function Part({ title, hint, tools, children }: { title: string; hint?: string | undefined; tools?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="part">
      <header class="part-head">
        <div>
          <h2>{title}</h2>
          {hint && <p class="muted small">{hint}</p>}
        </div>
        {tools && <div class="part-tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}

/** What something is, name by name. */
export function Details({ of }: { of: [string, ComponentChildren][] }) {
  const there = of.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl class="details">
      {there.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
