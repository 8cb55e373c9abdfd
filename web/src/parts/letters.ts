// Where each letter begins in a list by name.

const LETTERS = ["#", ..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

/** How many names begin with a letter. */
export interface Count {
  letter: string;
  count: number;
}

export interface Start extends Count {
  /** The place of its first name. */
  start: number;
}

/** From how many names begin with each letter, `#` first, as the lists are ordered. */
export function startsOf(counts: Count[]): Start[] {
  const of = new Map(counts.map(({ letter, count }) => [letter, count]));
  let start = 0;
  return LETTERS.map((letter) => {
    const count = of.get(letter) ?? 0;
    const found = { letter, start, count };
    start += count;
    return found;
  });
}

/** As many letters as fit: all of them, else those that have names, else some of those from the first to the last. */
export function thinned(starts: Start[], fits: number): Start[] {
  if (starts.length <= fits) return starts;
  const named = starts.filter((one) => one.count > 0);
  if (named.length <= fits) return named;
  const places = Array.from({ length: Math.max(2, fits) }, (_, n) => Math.round((n * (named.length - 1)) / (Math.max(2, fits) - 1)));
  return places.flatMap((place) => named[place] ?? []);
}
