// An import that a person decides about, the same for admins (who see all) and members (who see their own). Pure.

import type { Evidence, Import, Review, RunnerUp } from "../api/schema";

export interface Case {
  id: number;
  artist: string;
  album: string;
  year: number | null;
  /** In [0, 1]. */
  confidence: number | null;
  /** `pending`, `approved`, `rejected`, `failed`, `duplicate`, `importing`. */
  status: string;
  reason: string;
  notes: string;
  source: string;
  tracks: number | null;
  path: string;
  albumId: number | null;
  createdAt: string;
  evidence: Evidence[];
  runnerUp: RunnerUp | null;
}

/** The words of the review's API for an import's states. */
const STATUSES: Record<string, string> = { review: "pending", done: "approved", rejected: "rejected", failed: "failed", duplicate: "duplicate" };

export function ofReview(review: Review): Case {
  return {
    id: review.id,
    artist: review.suggested_artist ?? "",
    album: review.suggested_album ?? "",
    year: review.suggested_year ?? null,
    confidence: review.confidence ?? null,
    status: review.status,
    reason: review.reason ?? "",
    notes: review.notes ?? "",
    source: review.source,
    tracks: review.track_count ?? null,
    path: review.path ?? "",
    albumId: review.album_id ?? null,
    createdAt: review.created_at,
    evidence: Array.isArray(review.evidence) ? (review.evidence as Evidence[]) : [],
    runnerUp: (review.runner_up as RunnerUp | null | undefined) ?? null,
  };
}

export function ofImport(one: Import): Case {
  return {
    id: one.id,
    artist: one.artist ?? "",
    album: one.album ?? "",
    year: one.year ?? null,
    confidence: one.confidence ?? null,
    status: STATUSES[one.state] ?? "importing",
    reason: one.reason ?? "",
    notes: one.notes ?? "",
    source: one.source,
    tracks: one.track_count ?? null,
    path: one.path ?? one.source_path,
    albumId: one.album_id ?? null,
    createdAt: one.created_at,
    evidence: one.evidence,
    runnerUp: one.runner_up ?? null,
  };
}

/** The folder's own name, for what nobody could name. */
export function folderOf(path: string): string {
  return path.split("/").filter(Boolean).at(-1) ?? "";
}

/** `Artist – Album`, else the folder. */
export function titleOf(one: Case): string {
  return [one.artist, one.album].filter(Boolean).join(" – ") || folderOf(one.path);
}

const OF_FILES = ["tags", "folder_name", "file_names", "audio"];

/** What the files, and what catalogues say of a field. */
export function saidOf(evidence: Evidence[], field: string): { files: Evidence[]; found: Evidence[] } {
  const about = evidence.filter((one) => one.field === field && one.value);
  return { files: about.filter((one) => OF_FILES.includes(one.witness)), found: about.filter((one) => !OF_FILES.includes(one.witness)) };
}

/** What a row takes from the confidence, in percent of it; what catalogues have settled counts no more. */
export function doubtOf(one: Evidence): number {
  return Math.round((1 - one.factor) * (1 - (one.settled ?? 0)) * 100);
}
