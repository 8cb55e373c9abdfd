// What is played and what comes next. The sound itself is in `sound.ts`.

import { computed, signal } from "@preact/signals";
import { api } from "../api/client";
import type { AlbumDetail, Track, TrackBrief } from "../api/schema";
import { sayProblem } from "../app/toasts";
import { learn } from "../hearts/hearts";

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
