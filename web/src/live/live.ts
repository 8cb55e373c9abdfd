// The one WebSocket: what happens, as it happens. It comes back by itself and asks for what it missed.

import { signal } from "@preact/signals";
import { spoil } from "../api/store";
import { backoffMs } from "./backoff";

/** An event as the server tells it; the rest of the fields depend on the kind. */
export interface News {
  type: string;
  seq?: number;
  [field: string]: unknown;
}

export const isConnected = signal(false);

/** The server ends a session's connection with it. */
const INVALID_TOKEN = 4001;
/** The server says something every 30 s: more silence is a dead connection. */
const SILENT_FOR_MS = 75_000;

const listeners = new Map<string, Set<(news: News) => void>>();
let socket: WebSocket | undefined;
let newest: number | undefined;
let attempt = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let silence: ReturnType<typeof setTimeout> | undefined;
let isWanted = false;
let whenRefused: () => void = () => {};

/** Hears events of this kind (`download:progress`), or of all with `*`; the answer ends it. */
export function onNews(kind: string, listener: (news: News) => void): () => void {
  const all = listeners.get(kind) ?? new Set();
  listeners.set(kind, all.add(listener));
  return () => all.delete(listener);
}

export function startLive(refused: () => void): void {
  whenRefused = refused;
  isWanted = true;
  newest = undefined;
  connect();
}

export function stopLive(): void {
  isWanted = false;
  clearTimeout(timer);
  socket?.close();
}

function connect(): void {
  clearTimeout(timer);
  if (!isWanted || (socket && socket.readyState <= WebSocket.OPEN)) return;
  const address = new URL("/ws", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  if (newest !== undefined) address.searchParams.set("after", String(newest));
  const opened = new WebSocket(address);
  socket = opened;
  opened.onmessage = (message) => hear(JSON.parse(String(message.data)) as News);
  opened.onclose = (event) => {
    if (socket !== opened) return;
    isConnected.value = false;
    clearTimeout(silence);
    if (event.code === INVALID_TOKEN) return whenRefused();
    if (isWanted) timer = setTimeout(connect, backoffMs(attempt++, Math.random()));
  };
}

function hear(news: News): void {
  clearTimeout(silence);
  silence = setTimeout(() => socket?.close(), SILENT_FOR_MS);
  if (typeof news.seq === "number" && (newest === undefined || news.seq > newest)) newest = news.seq;
  if (news.type === "connected") {
    attempt = 0;
    isConnected.value = true;
  }
  // Too much was missed to be told: nothing that is shown is known to be true.
  if (news.type === "resync") spoil();
  for (const listener of listeners.get(news.type) ?? []) listener(news);
  for (const listener of listeners.get("*") ?? []) listener(news);
}

function comeBack(): void {
  if (document.visibilityState === "visible" && isWanted && !isConnected.peek()) {
    attempt = 0;
    connect();
  }
}

document.addEventListener("visibilitychange", comeBack);
addEventListener("online", comeBack);
