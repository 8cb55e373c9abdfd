// How far exports are, as it is told live.

import { signal } from "@preact/signals";
import type { Export } from "../api/schema";
import { spoil } from "../api/store";
import { type News, onNews } from "../live/live";

interface Told {
  progress: number;
  exported_albums: number;
  exported_size: number;
  eta: number | null;
  album: string;
  speed: string;
}

const told = signal<ReadonlyMap<number, Told>>(new Map());

onNews("export:progress", (news: News) => {
  if (typeof news.export_id !== "number") return;
  // Until now it waited: the rest of the row has changed, too.
  if (!told.peek().has(news.export_id)) spoil("exports");
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  const eta = typeof news.eta === "number" ? news.eta : null;
  told.value = new Map(told.value).set(news.export_id, {
    progress: number(news.progress),
    exported_albums: number(news.exported_albums),
    exported_size: number(news.exported_size),
    eta,
    album: String(news.current_album ?? ""),
    speed: typeof news.speed === "number" ? String(news.speed) : "",
  });
});

/** The row, as far as it is known by now, and the album that is being written. */
export function asOfNow(row: Export): Export & { album: string; speed: string } {
  const newer = told.value.get(row.id);
  const isNewer = newer && row.status === "running" && newer.exported_size >= row.exported_size;
  return isNewer ? { ...row, ...newer } : { ...row, album: "", speed: "" };
}
