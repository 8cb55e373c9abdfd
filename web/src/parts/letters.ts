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
