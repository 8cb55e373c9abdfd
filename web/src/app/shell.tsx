// What stands around every page: the ways to the others, messages, the player.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Edits } from "../edits/things";
import { isConnected } from "../live/live";
import { Confirm } from "../parts/dialog";
import { Icon, type IconName } from "../parts/icon";
import { Mark } from "../parts/mark";
import { Menu } from "../parts/menu";
import { PlayerBar } from "../player/bar";
import { current } from "../player/queue";
import { DropPage } from "../uploads/drop";
import { words } from "../words";
import { PAGES, type PageEntry } from "./pages";
import { go, section } from "./router";
import { isAdmin, logOut, me } from "./session";
import { sayProblem, Toasts } from "./toasts";

export function Shell({ children }: { children: ComponentChildren }) {
  const there = PAGES.filter((page) => isAdmin.value || !page.isAdminOnly);
  return (
    <div class={`shell ${current.value ? "is-playing" : ""}`}>
      <a class="skip" href="#content">
        {words.value.shell.skip}
      </a>
      <Sidebar pages={there} />
      <main id="content" class="content" tabIndex={-1}>
        <Offline />
        {children}
      </main>
      <div class="dock">
        <PlayerBar />
        <TabBar pages={there} />
      </div>
      <DropPage />
      <Edits />
      <Confirm />
      <Toasts />
    </div>
  );
}

function Sidebar({ pages }: { pages: PageEntry[] }) {
  const { shell } = words.value;
  const house = pages.filter((page) => page.group === "house");
  return (
    <nav class="sidebar" aria-label={shell.main}>
      <a class="brand" href="/library">
        <Mark size={30} />
        <span>Barbossa</span>
      </a>
      <NavLinks pages={pages.filter((page) => page.group === "music")} />
      {house.length > 0 && <h2 class="nav-heading">{shell.household}</h2>}
      <NavLinks pages={house} />
      <div class="sidebar-foot">
        <PersonMenu />
      </div>
    </nav>
  );
}

function NavLinks({ pages }: { pages: PageEntry[] }) {
  return (
    <ul class="nav-links">
      {pages.map((page) => (
        <li key={page.path}>
          <NavLink page={page} />
        </li>
      ))}
    </ul>
  );
}

function NavLink({ page }: { page: PageEntry }) {
  const isHere = section.value === page.path || page.also?.includes(section.value);
  return (
    <a class="nav-link" href={`/${page.path}`} aria-current={isHere ? "page" : undefined}>
      <Icon name={page.icon} />
      <span>{words.value.shell[page.word]}</span>
      <Count of={page} />
    </a>
  );
}

/** How much waits there. */
function Count({ of }: { of: PageEntry }): JSX.Element | null {
  const count = of.count?.() ?? 0;
  return count > 0 ? <span class="nav-count">{count > 99 ? "99+" : count}</span> : null;
}

function PersonMenu() {
  const { shell, login } = words.value;
  const items = [
    { label: shell.account, icon: "account" as IconName, run: () => go("/account") },
    { label: login.logOut, icon: "logout" as IconName, run: () => void logOut().catch(sayProblem) },
  ];
  return (
    <Menu label={me.value?.username ?? shell.account} items={items} class="nav-link person" align="start">
      <Icon name="account" />
      <span dir="auto">{me.value?.username}</span>
    </Menu>
  );
}

/** At the bottom of a phone: the most used, and all others behind the last. */
function TabBar({ pages }: { pages: PageEntry[] }) {
  const { shell, login } = words.value;
  const shown = pages.filter((page) => page.isOnTabBar);
  const others = pages.filter((page) => !page.isOnTabBar);
  const items = [
    ...others.map((page) => ({ label: shell[page.word], icon: page.icon, run: () => go(`/${page.path}`) })),
    { label: shell.account, icon: "account" as IconName, run: () => go("/account") },
    { label: login.logOut, icon: "logout" as IconName, run: () => void logOut().catch(sayProblem) },
  ];
  return (
    <nav class="tabbar" aria-label={shell.main}>
      {shown.map((page) => (
        <NavLink key={page.path} page={page} />
      ))}
      <Menu label={shell.more} items={items} class="nav-link">
        <Icon name="menu" />
        <span>{shell.more}</span>
      </Menu>
    </nav>
  );
}

const OFFLINE_AFTER_MS = 4000;

/** A short break is not worth a word. */
function Offline() {
  const [isShown, setShown] = useState(false);
  const isThere = isConnected.value;
  useEffect(() => {
    if (isThere) return setShown(false);
    const timer = setTimeout(() => setShown(true), OFFLINE_AFTER_MS);
    return () => clearTimeout(timer);
  }, [isThere]);
  if (!isShown) return null;
  return (
    <p class="notice" role="status">
      <Icon name="warning" size={18} /> {words.value.shell.offline}
    </p>
  );
}
