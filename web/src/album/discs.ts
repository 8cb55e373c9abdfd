// Tracks by disc, and by where they came from. Pure.

import type { Provenance, TrackHistory } from "../api/schema";

/** Discs in order, each with its tracks in theirs. */
export function discsOf<T extends { disc_number: number }>(tracks: T[]): { disc: number; tracks: T[] }[] {
  const discs = new Map<number, T[]>();
  for (const track of tracks) discs.set(track.disc_number, [...(discs.get(track.disc_number) ?? []), track]);
  return [...discs].sort(([a], [b]) => a - b).map(([disc, of]) => ({ disc, tracks: of }));
}

/** A track and what became of it. */
type Told = Pick<TrackHistory, "title" | "history">;

/** Tracks whose history reads the same: most albums came at once, and it is said once. */
export function groupsOf(tracks: Told[]): { of: Provenance[]; titles: string[] }[] {
  const groups = new Map<string, { of: Provenance[]; titles: string[] }>();
  for (const track of tracks) {
    // Within a minute is at once.
    const key = JSON.stringify(track.history.map((p) => [p.source, p.source_url, p.requested_by, p.arrived_at.slice(0, 16), p.program]));
    const group = groups.get(key) ?? { of: track.history, titles: [] };
    group.titles.push(track.title);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Whether numbers of a disc are passed over; discs numbered in another way (101, 102, …) are left to the API. */
export function hasGaps(tracks: { disc_number: number; track_number: number }[]): boolean {
  return discsOf(tracks).some(({ tracks: of }) => {
    const numbers = new Set(of.map((track) => track.track_number).filter((number) => number > 0));
    const last = Math.max(0, ...numbers);
    return last > numbers.size && last < 100;
  });
}
