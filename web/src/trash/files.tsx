// What one thing in the trash consists of.

import { api } from "../api/client";
import { useResource } from "../api/store";
import { Failed, SkeletonLines } from "../parts/empty";
import { bytes } from "../parts/time";
import { words } from "../words";

interface TrashedFile {
  name: string;
  original_path?: string;
  size?: number;
  quality?: string | null;
}

export function TrashFiles({ id }: { id: number }) {
  const { bin: said, locale } = words.value;
  const found = useResource(`trash ${id}`, (signal) => api("GET /api/trash/{id}", { path: { id }, signal }), ["trash"]);
  const whole = found.data.value;
  if (!whole) return found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines count={3} />;
  return (
    <>
      {whole.hearts > 0 && <p class="row-below">{said.hearts(whole.hearts)}</p>}
      <ul class="output">
        {(whole.files as TrashedFile[]).map((file) => (
          <li key={file.name} dir="auto">
            {file.original_path ?? file.name} <span class="muted">{[file.quality, bytes(file.size, locale)].filter(Boolean).join(" · ")}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
