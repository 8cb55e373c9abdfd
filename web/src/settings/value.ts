// A setting's value between TOML, a form's field, and JSON. Pure.

import type { Problem } from "../api/problem";
import type { Setting } from "../api/schema";

export type Kind = "switch" | "number" | "list" | "text";

/** As it stands in a field: `on` or nothing for a switch, one a line for a list. */
export interface Shown {
  kind: Kind;
  text: string;
}

/** From TOML, as far as values of settings go: what JSON knows, too. */
export function shownOf(toml: string): Shown {
  let value: unknown;
  try {
    value = JSON.parse(toml);
  } catch {
    return { kind: "text", text: toml };
  }
  if (typeof value === "boolean") return { kind: "switch", text: value ? "on" : "" };
  if (typeof value === "number") return { kind: "number", text: String(value) };
  if (Array.isArray(value)) return { kind: "list", text: value.map(String).join("\n") };
  return { kind: "text", text: String(value) };
}

/** As the API takes it. */
export function sentOf(kind: Kind, text: string): unknown {
  if (kind === "switch") return text !== "";
  if (kind === "number") return text.trim() === "" ? "" : Number(text);
  if (kind === "list") return text.split(/[\n,]/).map((one) => one.trim()).filter(Boolean);
  return text.trim();
}

/** Whether a field holds something else than the setting: `5.0` is 5. */
export function isOther(kind: Kind, text: string | undefined, there: string): boolean {
  return text !== undefined && JSON.stringify(sentOf(kind, text)) !== JSON.stringify(sentOf(kind, there));
}

/** What does not fit in this setting; the server names it at the beginning of its sentence. */
export function problemOfSetting(problem: Problem | undefined, name: string): string {
  const message = problem?.message ?? "";
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : "";
}

const GROUPS: [string, RegExp][] = [
  ["sources", /^(qobuz|lidarr|plex|jellyfin|navidrome|bandcamp|musicbrainz|acoustid|torrentleech|coverart|lrclib|covers|players)\./],
  ["backups", /^backup/],
  ["notifications", /^(notifications|mail|smtp|messages)\./],
  ["music", /^(imports|downloads|uploads|trash|integrity|enrichment|exports|hearts|library)\./],
];

/** On which page of the settings it stands. */
export function groupOf(name: string): string {
  return GROUPS.find(([, pattern]) => pattern.test(name))?.[0] ?? "house";
}

export function inGroup(settings: Setting[], group: string): Setting[] {
  return settings.filter((one) => groupOf(one.name) === group);
}
