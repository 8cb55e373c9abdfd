// What can be done with the albums that were picked.

import { useEffect } from "preact/hooks";
import { isAdmin } from "../app/session";
import { say } from "../app/toasts";
import { editAlbums } from "../edits/things";
import { setHeart } from "../hearts/hearts";
import { picked, pickNone } from "../parts/choice";
import { Icon } from "../parts/icon";
import { askToDelete } from "../trash/remove";
import { words } from "../words";

export function ChosenBar() {
  const chosen = [...picked.value.values()];
  const isAny = chosen.length > 0;
  useEffect(() => {
    if (!isAny) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) pickNone();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [isAny]);
  useEffect(() => pickNone, []);
  if (!isAny) return null;
  const { counts, hearts } = words.value;
  const ids = chosen.map((one) => one.id);
  const first = chosen[0];
  const name = chosen.length === 1 && first ? first.title : counts.albums(ids.length);
  const love = async (isHearted: boolean) => {
    pickNone();
    // One after the other: each answer waits for the links of that album.
    let done = 0;
    for (const id of ids) if (await setHeart("album", id, isHearted)) done += 1;
    if (done > 0) say(isHearted ? hearts.put(done) : hearts.taken(done), { kind: "good" });
  };
  return (
    <div class="chosen-bar" role="toolbar" aria-label={counts.chosen(ids.length)}>
      <button type="button" class="icon-button" aria-label={words.value.cancel} onClick={pickNone}>
        <Icon name="close" />
      </button>
      <strong aria-live="polite">{counts.chosen(ids.length)}</strong>
      <button type="button" class="button small" aria-label={hearts.putIn} onClick={() => void love(true)}>
        <Icon name="heart-full" size={16} /> <span class="wide-only">{hearts.putIn}</span>
      </button>
      <button type="button" class="button small" aria-label={hearts.takeOut} onClick={() => void love(false)}>
        <Icon name="heart" size={16} /> <span class="wide-only">{hearts.takeOut}</span>
      </button>
      <button type="button" class="button small" aria-label={words.value.edit} onClick={() => editAlbums(ids)}>
        <Icon name="edit" size={16} /> <span class="wide-only">{words.value.edit}</span>
      </button>
      {isAdmin.value && (
        <button type="button" class="button small" aria-label={words.value.delete} onClick={() => askToDelete("album", ids, name, pickNone)}>
          <Icon name="trash" size={16} /> <span class="wide-only">{words.value.delete}</span>
        </button>
      )}
    </div>
  );
}
