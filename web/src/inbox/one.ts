// One import with all that a decision rests on: an admin sees files and what the library has beside it, a member the evidence.

import { api } from "../api/client";
import { useResource } from "../api/store";
import { isAdmin } from "../app/session";
import { type Case, ofImport, ofReview } from "./case";

/** A file of the folder. */
export interface FileOf {
  name: string;
  size?: number;
  title?: string | null;
  artist?: string | null;
  track_number?: number | null;
  disc_number?: number | null;
  /** Seconds. */
  duration?: number | null;
  quality?: string | null;
  problem?: string | null;
}

/** The album of the library that it is, or may be. */
export interface Twin {
  id: number;
  artist?: string;
  title: string;
  year?: number | null;
  likeness?: string;
  tracks: { id: number; disc_number: number; track_number: number; title: string; duration?: number | null; quality?: string | null }[];
}

export interface Whole {
  one: Case;
  files: FileOf[];
  twin: Twin | null;
  /** When somebody sent a picture for it. */
  pictureSentAt: string | null;
}

export function useCase(id: number) {
  const isMine = !isAdmin.value;
  return useResource<Whole>(
    `case ${id} ${isMine ? "mine" : "all"}`,
    async (signal) => {
      if (isMine) return { one: ofImport(await api("GET /api/import/{id}", { path: { id }, signal })), files: [], twin: null, pictureSentAt: null };
      const found = await api("GET /api/import/review/{id}", { path: { id }, signal });
      return { one: ofReview(found), files: found.files as FileOf[], twin: (found.in_library as Twin | null | undefined) ?? null, pictureSentAt: found.picture_sent_at ?? null };
    },
    ["review", `import:${id}`],
  );
}
