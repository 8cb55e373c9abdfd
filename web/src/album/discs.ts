// Tracks by disc, and by where they came from. Pure.

/** Discs in order, each with its tracks in theirs. */
export function discsOf<T extends { disc_number: number }>(tracks: T[]): { disc: number; tracks: T[] }[] {
  const discs = new Map<number, T[]>();
  for (const track of tracks) discs.set(track.disc_number, [...(discs.get(track.disc_number) ?? []), track]);
  return [...discs].sort(([a], [b]) => a - b).map(([disc, of]) => ({ disc, tracks: of }));
}

export interface Provenance {
  source: string;
  source_url?: string | null;
  requested_by?: string | null;
  arrived_at: string;
  program?: string | null;
  program_version?: string | null;
  is_replacement: boolean;
}

export interface TrackHistory {
  title: string;
  history: Provenance[];
}

/** Tracks whose history reads the same: most albums came at once, and it is said once. */
export function groupsOf(tracks: TrackHistory[]): { of: Provenance[]; titles: string[] }[] {
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
