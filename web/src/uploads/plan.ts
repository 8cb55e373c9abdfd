// The arithmetic of uploads: which of what was begun goes on, and which piece is next. Pure.

import type { Upload, UploadFile } from "../api/schema";

/** A file of an upload, as the API tells it. */
export type Expected = UploadFile;
/** An upload that was begun, as far as it matters here. */
export type Begun = Pick<Upload, "id" | "name" | "state" | "total_bytes" | "received_bytes" | "files">;

export interface Local {
  path: string;
  size: number;
}

/** Large enough to be quick, small enough that what a broken line loses is little. */
export const PIECE_BYTES = 8 << 20;

/** The folder that files without one become: a name that says nothing, since "01 - Title" would speak against their tags.
    None: the API takes the folder's or the zip's own name. */
export function nameOf(files: Local[], now: Date): string | undefined {
  const isLoose = files.length > 1 && files.every((file) => !file.path.includes("/"));
  return isLoose ? `Dropped ${now.toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "")}` : undefined;
}

/** The place of a file in an upload: all that lies in one folder is named from within it. */
function within(path: string): string {
  const slash = path.indexOf("/");
  return slash < 0 ? path : path.slice(slash + 1);
}

/** An upload that broke off and has the same files: it is gone on with. */
export function goesOn(open: Begun[], files: Local[]): Begun | undefined {
  const sizes = new Map(files.flatMap((file) => [[file.path, file.size], [within(file.path), file.size]] as const));
  return open.find((upload) => upload.state === "open" && upload.files.length > 0 && upload.files.every((file) => sizes.get(file.path) === file.size));
}

/** The file here that one of the upload is. */
export function fileOf<T extends Local>(expected: Expected, files: T[]): T | undefined {
  const isIt = (file: T) => file.size === expected.size && (file.path === expected.path || within(file.path) === expected.path);
  return files.find(isIt) ?? files.find((file) => file.size === expected.size && file.path.endsWith(`/${expected.path}`));
}

/** From where to where the next piece goes; none when all of it is there. */
export function pieceAfter(offset: number, size: number): [number, number] | undefined {
  return offset >= size ? undefined : [offset, Math.min(size, offset + PIECE_BYTES)];
}
