// The whole page takes what is dropped on it, and shows what is on its way.

import { useEffect, useState } from "preact/hooks";
import { Icon } from "../parts/icon";
import { bytes } from "../parts/time";
import { words } from "../words";
import { hasFiles, isPicture, readDrop } from "./read";
import { type Sending, sending, upload } from "./upload";

export function DropPage() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event.dataTransfer)) return;
      depth += 1;
      // A picture is for a cover, which says so itself.
      setOver(!isPicture(event.dataTransfer));
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const over = (event: DragEvent) => {
      // Without it the browser would leave the page and open the file.
      if (hasFiles(event.dataTransfer)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setOver(false);
      if (event.defaultPrevented || !event.dataTransfer || !hasFiles(event.dataTransfer)) return;
      event.preventDefault();
      void readDrop(event.dataTransfer).then(upload);
    };
    const all = { dragenter: enter, dragleave: leave, dragover: over, drop } as Record<string, (event: never) => void>;
    for (const [name, listener] of Object.entries(all)) addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(all)) removeEventListener(name, listener as EventListener);
    };
  }, []);
  return (
    <>
      {isOver && (
        <div class="drop-veil" aria-hidden="true">
          <div>
            <Icon name="upload" size={44} />
            <strong>{words.value.uploads.drop}</strong>
          </div>
        </div>
      )}
      <SendingList />
    </>
  );
}

function SendingList() {
  if (sending.value.length === 0) return null;
  return (
    <section class="sending" aria-label={words.value.uploads.title}>
      {sending.value.map((one) => (
        <SendingRow key={one.key} one={one} />
      ))}
    </section>
  );
}

function SendingRow({ one }: { one: Sending }) {
  const { uploads, locale } = words.value;
  const said = {
    sending: `${bytes(one.sent, locale)} / ${bytes(one.total, locale)}`,
    waiting: uploads.waiting,
    done: uploads.done,
    failed: one.problem ?? uploads.failed,
  }[one.state];
  return (
    <div class={`sending-row ${one.state}`}>
      <div class="sending-words">
        <strong dir="auto">{one.name}</strong>
        <span class="small" role="status">
          {said}
        </span>
        <progress max={one.total} value={one.sent} aria-label={one.name} />
      </div>
      <button type="button" class="icon-button small" aria-label={words.value.cancel} onClick={one.cancel}>
        <Icon name="close" size={16} />
      </button>
    </div>
  );
}
