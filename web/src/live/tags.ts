// Which tags an event of the library touches. Pure.

import type { News } from "./live";

export function tagsOf(news: News): string[] {
  const tags = new Set(["library"]);
  const { entity_type: kind, entity_id: id } = news;
  if (typeof kind === "string" && typeof id === "number") tags.add(`${kind}:${id}`);
  for (const [field, one] of [["album_ids", "album"], ["artist_ids", "artist"], ["track_ids", "track"]] as const) {
    const ids = news[field];
    if (Array.isArray(ids)) for (const each of ids) tags.add(`${one}:${String(each)}`);
  }
  return [...tags];
}
