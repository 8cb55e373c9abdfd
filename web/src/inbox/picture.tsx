// A picture for what waits: chosen, or dropped on the square; kept with it, and the album's cover once it is filed.

import { useId, useState } from "preact/hooks";
import { api } from "../api/client";
import { asProblem } from "../api/problem";
import { spoil } from "../api/store";
import { Icon } from "../parts/icon";
import { words } from "../words";
import { textOf } from "../words/problems";

const KINDS = "image/jpeg,image/png,image/webp";
const MOST_BYTES = 10 * 1024 * 1024;

/** `sentAt`: when one was sent before, if any was. */
export function PictureField({ id: of, sentAt }: { id: number; sentAt: string | null }) {
  const { inbox: said, clear } = words.value;
  const id = useId();
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  // Names its content: another picture has another address.
  const [version, setVersion] = useState(sentAt);
  const send = async (run: () => Promise<unknown>, next: string | null) => {
    setBusy(true);
    try {
      await run();
      setProblem("");
      setVersion(next);
      spoil(`import:${of}`);
    } catch (error) {
      setProblem(textOf(asProblem(error)));
    } finally {
      setBusy(false);
    }
  };
  const take = (chosen: File | undefined) => {
    if (!chosen) return;
    if (!KINDS.split(",").includes(chosen.type) || chosen.size > MOST_BYTES) return setProblem(said.coverUnfit);
    void send(() => api("PUT /api/import/review/{id}/artwork", { path: { id: of }, body: chosen }), new Date().toISOString());
  };
  const address = version && `/api/import/review/${of}/artwork?v=${encodeURIComponent(version)}`;
  return (
    <div
      class="picture-field"
      aria-busy={isBusy}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        take(event.dataTransfer?.files[0]);
      }}
    >
      <span class="row-picture is-large">{address ? <img src={address} alt={said.coverChosen} /> : <Icon name="image" />}</span>
      <div class="field">
        <label for={id}>{said.cover}</label>
        <input id={id} type="file" accept={KINDS} disabled={isBusy} onChange={(event) => take(event.currentTarget.files?.[0])} />
        <small class={problem ? "form-problem" : ""}>{problem || said.coverHint}</small>
      </div>
      {version && (
        <button type="button" class="icon-button" aria-label={clear} disabled={isBusy} onClick={() => void send(() => api("DELETE /api/import/review/{id}/artwork", { path: { id: of } }), null)}>
          <Icon name="close" size={18} />
        </button>
      )}
    </div>
  );
}
