// A picture to send along: chosen, or dropped on the square.

import { useEffect, useId, useState } from "preact/hooks";
import { Icon } from "../parts/icon";
import { words } from "../words";

const KINDS = "image/jpeg,image/png,image/webp";
const MOST_BYTES = 10 * 1024 * 1024;

export function PictureField({ file, set }: { file: File | null; set: (file: File | null) => void }) {
  const { inbox: said, clear } = words.value;
  const id = useId();
  const [problem, setProblem] = useState("");
  const [address, setAddress] = useState("");
  useEffect(() => {
    if (!file) return setAddress("");
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  const take = (chosen: File | undefined) => {
    if (!chosen) return;
    const isFit = KINDS.split(",").includes(chosen.type) && chosen.size <= MOST_BYTES;
    setProblem(isFit ? "" : said.coverUnfit);
    set(isFit ? chosen : null);
  };
  return (
    <div
      class="picture-field"
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
        <input id={id} type="file" accept={KINDS} onChange={(event) => take(event.currentTarget.files?.[0])} />
        <small class={problem ? "form-problem" : ""}>{problem || said.coverHint}</small>
      </div>
      {file && (
        <button type="button" class="icon-button" aria-label={clear} onClick={() => set(null)}>
          <Icon name="close" size={18} />
        </button>
      )}
    </div>
  );
}
