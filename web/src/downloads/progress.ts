// How far downloads are, as it is told live: newer than what the list says.

import { signal } from "@preact/signals";
import type { Download } from "../api/schema";
import { spoil } from "../api/store";
import { type News, onNews } from "../live/live";

interface Told {
  progress: number;
  speed: string | null;
  eta: string | null;
  status: string;
}

const told = signal<ReadonlyMap<number, Told>>(new Map());

onNews("download:progress", (news: News) => {
  if (typeof news.download_id !== "number" || typeof news.progress !== "number") return;
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  const status = text(news.status) ?? "downloading";
  told.value = new Map(told.value).set(news.download_id, { progress: news.progress, speed: text(news.speed), eta: text(news.eta), status });
  // Another stage: the rest of the row has changed, too.
  if (news.status) spoil("downloads");
});

/** The row, as far as it is known by now. */
export function asOfNow(download: Download): Download {
  const newer = told.value.get(download.id);
  const isNewer = newer && ["pending", "downloading"].includes(download.status) && (newer.progress >= download.progress || newer.status !== "downloading");
  return isNewer ? { ...download, ...newer } : download;
}
