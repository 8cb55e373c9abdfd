// What is played and what comes next. The sound itself is in `sound.ts`.

import { batch, computed, signal } from "@preact/signals";
import { api } from "../api/client";
import type { AlbumDetail, Track, TrackBrief } from "../api/schema";
import { say, sayProblem } from "../app/toasts";
import { learn } from "../hearts/hearts";
import { words } from "../words";
import { placeAfterTaking } from "./places";

/** What the player has to know of a track, wherever it came from. */
export interface Playable {
  id: number;
  title: string;
  artist: string;
  albumId: number;
  album: string;
  artwork: string | null;
  version: string | null;
  seconds: number | null;
  format: string;
}

export const queue = signal<Playable[]>([]);
export const place = signal(0);
export const current = computed<Playable | undefined>(() => queue.value[place.value]);
export const hasNext = computed(() => place.value + 1 < queue.value.length);

/** Plays these from this one on. */
export function play(tracks: Playable[], from = 0): void {
  if (tracks.length === 0) return;
  queue.value = tracks;
  place.value = from;
}

/** Plays these when all before them are over; at once when nothing plays. */
export function enqueue(tracks: Playable[]): void {
  if (tracks.length === 0) return;
  if (queue.peek().length === 0) return play(tracks);
  queue.value = [...queue.peek(), ...tracks];
  say(words.value.player.queued(tracks.length), { kind: "good" });
}

/** Goes to this place of the queue. */
export function jump(to: number): void {
  if (to >= 0 && to < queue.peek().length) place.value = to;
}

/** Takes one out of the queue; when it plays, the next one does. */
export function takeOut(at: number): void {
  const rest = queue.peek().filter((_, n) => n !== at);
  const to = placeAfterTaking(place.peek(), at);
  if (to >= rest.length && at === place.peek()) return stop();
  batch(() => {
    queue.value = rest;
    place.value = to;
  });
}

export function next(): boolean {
  if (!hasNext.peek()) return false;
  place.value += 1;
  return true;
}

export function previous(): boolean {
  if (place.peek() === 0) return false;
  place.value -= 1;
  return true;
}

export function stop(): void {
  queue.value = [];
  place.value = 0;
}

/** A whole album, which has to be asked for first. */
export async function playAlbum(id: number): Promise<void> {
  try {
    const album = await api("GET /api/albums/{id}", { path: { id } });
    learn("album", [album]);
    play(playablesOf(album));
  } catch (error) {
    sayProblem(error);
  }
}

export function playablesOf(album: AlbumDetail): Playable[] {
  return album.tracks.filter((track) => !track.missing).map((track) => ofAlbum(track, album));
}

function ofAlbum(track: TrackBrief, album: AlbumDetail): Playable {
  return {
    id: track.id,
    title: track.title,
    artist: track.artist_name ?? album.artist_name,
    albumId: album.id,
    album: album.title,
    artwork: album.artwork_path ?? null,
    version: album.artwork_version ?? null,
    seconds: track.duration ?? null,
    format: track.format,
  };
}

export function playableOf(track: Track): Playable {
  return {
    id: track.id,
    title: track.title,
    artist: track.artist_name,
    albumId: track.album_id,
    album: track.album_title,
    artwork: track.artwork_path ?? null,
    version: track.artwork_version ?? null,
    seconds: track.duration ?? null,
    format: track.format,
  };
}
