// The sound: one audio element that no page owns, and what the system's own media keys say to it.

import { effect, signal } from "@preact/signals";
import { recall, store } from "../app/recall";
import { say } from "../app/toasts";
import { pictureOf } from "../parts/cover";
import { words } from "../words";
import { canPlay } from "./formats";
import { current, hasNext, next, type Playable, previous } from "./queue";

export const isPlaying = signal(false);
export const seconds = signal(0);
export const length = signal(0);
export const isWaiting = signal(false);
/** 0 to 1. */
export const volume = signal(recall("volume", 1));

/** Going back within the first seconds goes to the track before, later to the beginning. */
const BACK_TO_START_AFTER_S = 3;
const SKIP_S = 10;

const audio = new Audio();
audio.preload = "auto";
/** Whether what plays is a short piece that was made for this browser. */
export const isPreview = signal(false);

export function toggle(): void {
  if (audio.paused) void audio.play().catch(() => {});
  else audio.pause();
}

export function seek(to: number): void {
  if (!Number.isFinite(to)) return;
  audio.currentTime = Math.max(0, Math.min(to, length.peek() || to));
  seconds.value = audio.currentTime;
}

export function skip(by: number): void {
  seek(audio.currentTime + by);
}

export function back(): void {
  if (audio.currentTime > BACK_TO_START_AFTER_S || !previous()) seek(0);
}

function load(track: Playable): void {
  const isWhole = canPlay(track.format, (type) => audio.canPlayType(type) !== "");
  isPreview.value = !isWhole;
  audio.src = isWhole ? `/api/tracks/${track.id}/stream` : `/api/tracks/${track.id}/preview`;
  seconds.value = 0;
  length.value = track.seconds ?? 0;
  void audio.play().catch(() => {});
}

audio.addEventListener("play", () => (isPlaying.value = true));
audio.addEventListener("pause", () => (isPlaying.value = false));
audio.addEventListener("waiting", () => (isWaiting.value = true));
audio.addEventListener("playing", () => (isWaiting.value = false));
audio.addEventListener("timeupdate", () => (seconds.value = audio.currentTime));
audio.addEventListener("durationchange", () => {
  if (Number.isFinite(audio.duration)) length.value = audio.duration;
  tellPosition();
});
audio.addEventListener("seeked", tellPosition);
audio.addEventListener("ended", () => {
  isPlaying.value = false;
  next();
});
audio.addEventListener("error", () => void onError());

/** What the browser said it could play and cannot: the short piece is tried, then the next track. */
async function onError(): Promise<void> {
  const track = current.peek();
  if (!track || !audio.src) return;
  if (!isPreview.peek()) {
    isPreview.value = true;
    audio.src = `/api/tracks/${track.id}/preview`;
    await audio.play().catch(() => {});
    return;
  }
  isWaiting.value = false;
  isPlaying.value = false;
  say(words.value.player.cannot(track.title), { kind: "bad" });
  next();
}

function tellPosition(): void {
  if (!("mediaSession" in navigator) || !(length.peek() > 0)) return;
  const position = Math.min(audio.currentTime, length.peek());
  navigator.mediaSession.setPositionState?.({ duration: length.peek(), position, playbackRate: 1 });
}

function tellSession(track: Playable | undefined): void {
  if (!("mediaSession" in navigator)) return;
  const { mediaSession } = navigator;
  if (!track) {
    mediaSession.metadata = null;
    return;
  }
  const picture = { thing: "album" as const, id: track.albumId, name: track.album, artwork: track.artwork, version: track.version };
  const artwork = track.artwork ? ([200, 600] as const).map((size) => ({ src: pictureOf(picture, size), sizes: `${size}x${size}` })) : [];
  mediaSession.metadata = new MediaMetadata({ title: track.title, artist: track.artist, album: track.album, artwork });
  const actions: [MediaSessionAction, MediaSessionActionHandler | null][] = [
    ["play", toggle],
    ["pause", toggle],
    ["previoustrack", back],
    ["nexttrack", hasNext.peek() ? () => void next() : null],
    ["seekto", (details) => seek(details.seekTime ?? 0)],
    ["seekbackward", () => skip(-SKIP_S)],
    ["seekforward", () => skip(SKIP_S)],
  ];
  for (const [action, handler] of actions) mediaSession.setActionHandler(action, handler);
}

/** Space and arrows, unless somebody types or another control wants them. */
function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  const isTaken = target.closest("input, textarea, select, button, dialog, [role=slider], [contenteditable], .grid, [role=menu]");
  if (!current.peek() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTaken && !(event.key === " " && target.closest(".player"))) return;
  if (event.key === " " && !target.closest("a")) toggle();
  else if (event.key === "ArrowRight") skip(SKIP_S);
  else if (event.key === "ArrowLeft") skip(-SKIP_S);
  else return;
  event.preventDefault();
}

export function startPlayer(): void {
  let last: Playable | undefined;
  effect(() => {
    const track = current.value;
    if (track === last) return;
    last = track;
    tellSession(track);
    if (track) {
      load(track);
    } else {
      audio.pause();
      audio.removeAttribute("src");
    }
  });
  effect(() => {
    audio.volume = volume.value;
    store("volume", volume.value);
  });
  document.addEventListener("keydown", onKey);
}
