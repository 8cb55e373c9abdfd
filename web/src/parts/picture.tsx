// Another cover for an album, another portrait for an artist: dropped onto it, or chosen; and the first one back.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { spoil } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { words } from "../words";

type Sitter = "album" | "artist";

/** As the API takes them. */
const KINDS = ["image/jpeg", "image/png", "image/webp"];
const MOST_BYTES = 10 << 20;

async function replacePicture(sitter: Sitter, id: number, file: File): Promise<void> {
  const { picture } = words.value;
  if (!KINDS.includes(file.type)) return say(picture.wrongKind, { kind: "bad" });
  if (file.size > MOST_BYTES) return say(picture.tooLarge, { kind: "bad" });
  const body = new FormData();
  body.append("artwork", file);
  try {
    const path = { id };
    const answer = await (sitter === "album"
      ? api("PUT /api/albums/{id}/artwork", { path, body })
      : api("PUT /api/artists/{id}/artwork", { path, body }));
    const action = { label: words.value.undo, run: () => restorePicture(sitter, id) };
    say(answer.pending ? words.value.edits.pending : picture.replaced, { kind: "good", action });
  } catch (error) {
    sayProblem(error);
  } finally {
    spoil("library", "edits");
  }
}

export async function restorePicture(sitter: Sitter, id: number): Promise<void> {
  try {
    const path = { id };
    await (sitter === "album" ? api("DELETE /api/albums/{id}/artwork", { path }) : api("DELETE /api/artists/{id}/artwork", { path }));
    say(words.value.picture.restored, { kind: "good" });
  } catch (error) {
    sayProblem(error);
  } finally {
    spoil("library", "edits");
  }
}

/** Opens the browser's own choice of a file. */
export function choosePicture(sitter: Sitter, id: number): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = KINDS.join(",");
  input.onchange = () => {
    const file = input.files?.[0];
    if (file) void replacePicture(sitter, id, file);
  };
  input.click();
}

/** Where a picture may be dropped; anything else that is dropped goes to the page. */
export function PictureDrop({ sitter, id, children, class: extra }: { sitter: Sitter; id: number; children: ComponentChildren; class: string }) {
  const [isOver, setOver] = useState(false);
  const isPicture = (event: DragEvent) => [...(event.dataTransfer?.items ?? [])].some((item) => item.type.startsWith("image/"));
  return (
    <div
      class={`${extra} picture-drop ${isOver ? "is-over" : ""}`}
      onDragOver={(event) => {
        if (!isPicture(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        const file = [...(event.dataTransfer?.files ?? [])].find((one) => one.type.startsWith("image/"));
        if (!file) return;
        event.preventDefault();
        void replacePicture(sitter, id, file);
      }}
    >
      {children}
      {isOver && <span class="picture-hint">{words.value.picture.drop}</span>}
    </div>
  );
}
