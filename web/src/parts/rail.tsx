// The letters at the side: to where names begin with one. `#` is every sign that is no letter from A to Z.

import { useEffect, useState } from "preact/hooks";
import { words } from "../words";
import { type Count, startsOf, thinned } from "./letters";
import type { GridHandle } from "./virtual";

/** So high is a letter that a finger can hit. */
const LETTER_PX = 24;
/** What stands above and below the rail: on a phone the head of the page and the menu. */
const AROUND_PX = { narrow: 270, wide: 170 };

function useFits(): number {
  const count = () => Math.floor((innerHeight - (innerWidth <= 760 ? AROUND_PX.narrow : AROUND_PX.wide)) / LETTER_PX);
  const [fits, setFits] = useState(count);
  useEffect(() => {
    const measure = () => setFits(count());
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  return fits;
}

export function Rail({ letters, handle }: { letters: Count[]; handle: GridHandle }) {
  const { library } = words.value;
  const starts = thinned(startsOf(letters), useFits());
  const first = handle.first.value;
  const here = starts.findLast((one) => one.start <= first && one.count > 0)?.letter;
  // A finger that slides over the letters leafs through the list.
  const slide = (event: TouchEvent) => {
    const finger = event.touches[0];
    const under = finger && document.elementFromPoint(finger.clientX, finger.clientY)?.closest<HTMLButtonElement>(".rail button");
    const found = starts.find((one) => one.letter === under?.textContent && one.count > 0);
    if (found && found.letter !== here) handle.target.value = found.start;
  };
  return (
    <nav class="rail" aria-label={library.letters} onTouchMove={slide}>
      {starts.map(({ letter, start, count }) => (
        <button
          key={letter}
          type="button"
          disabled={count === 0}
          aria-current={letter === here}
          aria-label={library.letter(letter)}
          onClick={() => {
            handle.target.value = start;
          }}
        >
          {letter}
        </button>
      ))}
    </nav>
  );
}
