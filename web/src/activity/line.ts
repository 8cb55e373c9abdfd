// What a line of the activity is about. Pure.

import type { Activity } from "../api/schema";
import type { IconName } from "../parts/icon";

const ICONS: [RegExp, IconName][] = [
  [/heart/, "heart"],
  [/^import|imported/, "inbox"],
  [/upgrade/, "album"],
  [/^delete|trash/, "trash"],
  [/restore|undone|repaired/, "refresh"],
  [/^metadata|tags/, "edit"],
  [/artwork/, "image"],
  [/download/, "download"],
  [/^export/, "export"],
  [/settings/, "settings"],
  [/^user|password|session|token/, "account"],
  [/damage|alarm/, "warning"],
  [/integrity|rescan|backup|relink/, "health"],
];

export function iconOf(action: string): IconName {
  return ICONS.find(([of]) => of.test(action))?.[1] ?? "activity";
}

function text(details: unknown, ...names: string[]): string {
  const of = (typeof details === "object" && details !== null ? details : {}) as Record<string, unknown>;
  for (const name of names) if (typeof of[name] === "string" && of[name]) return of[name] as string;
  return "";
}

/** The name of what it was done to: `Artist – Title`, a person, a path. */
export function thingOf(line: Activity): string {
  const artist = text(line.details, "artist", "artist_name");
  const title = text(line.details, "title", "track", "album", "album_title", "name");
  const name = title.includes(" – ") ? title : [artist, title].filter(Boolean).join(" – ");
  if (name) return name;
  const settings = (line.details as { settings?: unknown } | null | undefined)?.settings;
  if (Array.isArray(settings)) return settings.join(", ");
  return text(line.details, "username", "path", "url", "search_query", "destination", "dir");
}

/** Where it is now, if it still is somewhere. */
export function addressOf(line: Activity): string | null {
  if (line.action === "delete" || typeof line.entity_id !== "number") return null;
  return line.entity_type === "album" || line.entity_type === "artist" ? `/${line.entity_type}/${line.entity_id}` : null;
}

/** The edit behind it. */
export function editOf(line: Activity): number | null {
  const id = (line.details as { edit_id?: unknown } | null | undefined)?.edit_id;
  return typeof id === "number" ? id : null;
}

/** Lines by day, as this clock has it, in their order. */
export function byDay<T extends { created_at: string }>(lines: T[]): [string, T[]][] {
  const days = new Map<string, T[]>();
  for (const line of lines) {
    const day = new Date(line.created_at).toDateString();
    days.set(day, [...(days.get(day) ?? []), line]);
  }
  return [...days];
}
