// The heart button.

import { Icon } from "../parts/icon";
import { words } from "../words";
import { heartOf, setHeart, type Thing } from "./hearts";

export function Heart({ thing, id, name, class: extra = "" }: { thing: Thing; id: number; name: string; class?: string }) {
  const isHearted = heartOf(thing, id).value;
  return (
    <button
      type="button"
      class={`icon-button heart ${isHearted ? "is-on" : ""} ${extra}`}
      aria-pressed={isHearted}
      aria-label={words.value.hearts.heart(name)}
      title={isHearted ? words.value.hearts.takeOut : words.value.hearts.putIn}
      onClick={(event) => {
        event.preventDefault();
        event.stopPropagation();
        void setHeart(thing, id, !isHearted);
      }}
    >
      <Icon name={isHearted ? "heart-full" : "heart"} />
    </button>
  );
}
