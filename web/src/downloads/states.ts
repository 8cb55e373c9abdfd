// What a download is doing, and what can be done with it. Pure.

import type { Download } from "../api/schema";

export type Act = "cancel" | "retry" | "dismiss" | "review" | "show";

const ACTS: Record<string, Act[]> = {
  pending: ["cancel"],
  downloading: ["cancel"],
  importing: [],
  complete: ["show", "dismiss"],
  duplicate: ["show", "dismiss"],
  failed: ["retry", "dismiss"],
  cancelled: ["dismiss"],
  pending_review: ["review", "dismiss"],
};

/** What can be done with it, the likeliest first. */
export function actsOf(download: Download): Act[] {
  const acts = ACTS[download.status] ?? [];
  return acts.filter((act) => (act !== "show" || download.result_album_id) && (act !== "review" || download.result_review_id));
}

/** Still moving by itself. */
export function isUnderWay(download: Download): boolean {
  return ["pending", "downloading", "importing"].includes(download.status);
}

/** It is over, and nobody needs to look at it. */
export function isOver(download: Download): boolean {
  return ["complete", "duplicate", "cancelled"].includes(download.status);
}

/** As people would call it. */
export function nameOf(download: Download): string {
  return download.title || download.search_query || download.source_url || `#${download.id}`;
}

/** Whether it was refused only since nobody had said that lossy music is welcome. */
export function wantsLossy(download: Download): boolean {
  return download.status === "failed" && !download.confirm_lossy && /confirm_lossy|lossy/i.test(download.error_message ?? "");
}

/** Whether somebody typed an address rather than words to search for. */
export function isAddress(text: string): boolean {
  return /^https?:\/\/\S+$/i.test(text) || /^(www\.)?[\w-]+(\.[\w-]+)*\.[a-z]{2,}\/\S+$/i.test(text);
}

/** As the API takes it. */
export function addressFrom(text: string): string {
  return /^https?:\/\//i.test(text) ? text : `https://${text}`;
}
