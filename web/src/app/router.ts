// Where one is: the address, as signals; links and the back button do what people expect.

import { batch, computed, signal } from "@preact/signals";

export const path = signal(location.pathname);
export const query = signal(new URLSearchParams(location.search));

/** The route's first word, by which the shell picks the page: `album` of `/album/7`. */
export const section = computed(() => path.value.split("/")[1] ?? "");
/** The rest: `["7"]`. */
export const rest = computed(() => path.value.split("/").slice(2).filter(Boolean).map(decode));

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Goes to an address of ours. `replace`: without a step for the back button, and without scrolling. */
export function go(address: string, how: { replace?: boolean } = {}): void {
  if (how.replace) {
    history.replaceState(history.state, "", address);
  } else {
    remember();
    history.pushState({ scroll: 0 }, "", address);
  }
  arrive(how.replace ? null : 0);
}

/** Changes parameters of the query in place; those without a value go. */
export function put(values: Record<string, string | null>): void {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  go(text ? `${location.pathname}?${text}` : location.pathname, { replace: true });
}

/** How far down the page was when it was left, for its return. */
function remember(): void {
  history.replaceState({ ...(history.state as object | null), scroll: window.scrollY }, "");
}

function arrive(scroll: number | null): void {
  const isSamePage = path.peek() === location.pathname;
  batch(() => {
    path.value = location.pathname;
    query.value = new URLSearchParams(location.search);
  });
  if (scroll !== null) window.scrollTo(0, scroll);
  if (!isSamePage) announce();
}

/** A reader of the screen is told of the new page, and the next Tab begins in it. */
function announce(): void {
  requestAnimationFrame(() => document.getElementById("content")?.focus({ preventScroll: true }));
}

function onPop(event: PopStateEvent): void {
  const scroll = (event.state as { scroll?: number } | null)?.scroll ?? 0;
  batch(() => {
    path.value = location.pathname;
    query.value = new URLSearchParams(location.search);
  });
  restore(scroll, 20);
}

/** The page may still be growing to where it was. */
function restore(scroll: number, tries: number): void {
  requestAnimationFrame(() => {
    window.scrollTo(0, scroll);
    if (tries > 0 && Math.abs(window.scrollY - scroll) > 2) restore(scroll, tries - 1);
  });
}

/** Whether a click on a link is for us: not a new tab, not another site, not a download. */
function isOurs(event: MouseEvent, link: HTMLAnchorElement): boolean {
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const staysHere = (!link.target || link.target === "_self") && !link.hasAttribute("download");
  const isPage = !/^\/(api|ws|docs|redoc|health|openapi\.json)(\/|$)/.test(link.pathname);
  return isPlain && !event.defaultPrevented && staysHere && isPage && link.origin === location.origin;
}

export function startRouter(): void {
  history.scrollRestoration = "manual";
  addEventListener("popstate", onPop);
  addEventListener("pagehide", remember);
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || !isOurs(event, link)) return;
    event.preventDefault();
    if (link.hash && link.pathname === location.pathname) document.querySelector<HTMLElement>(link.hash)?.focus();
    else go(link.pathname + link.search);
  });
  const scroll = (history.state as { scroll?: number } | null)?.scroll;
  if (scroll) restore(scroll, 60);
}
