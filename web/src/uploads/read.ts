// What was dropped or chosen: files with the folders that they lie in.

export interface Dropped {
  /** `Album/CD1/01.flac` */
  path: string;
  file: File;
}

/** Whether something is dragged that we could take. */
export function hasFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes("Files") ?? false;
}

/** Whether it is pictures, and nothing else. */
export function isPicture(transfer: DataTransfer | null): boolean {
  const files = [...(transfer?.items ?? [])].filter((item) => item.kind === "file");
  return files.length > 0 && files.every((file) => file.type.startsWith("image/"));
}

/** Folders are walked. The entries must be taken before the event ends, which this does first. */
export async function readDrop(transfer: DataTransfer): Promise<Dropped[]> {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  const plain = [...transfer.files];
  if (entries.every((entry) => entry === null)) return plain.map((file) => ({ path: file.name, file }));
  const found: Dropped[] = [];
  for (const entry of entries) if (entry) await walk(entry, "", found);
  return found;
}

export function readChosen(files: FileList): Dropped[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry, above: string, found: Dropped[]): Promise<void> {
  const path = above ? `${above}/${entry.name}` : entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ path, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A browser gives a large folder in parts, the last of them empty.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return;
    for (const one of part) await walk(one, path, found);
  }
}
