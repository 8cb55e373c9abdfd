// What of the albums somebody wants to see, as the address says it: so a link leads to the same list.

/** `loved`: by when it was loved, which only my library has. */
export const SORTS = ["title", "artist", "year", "added", "loved"] as const;
export type Sort = (typeof SORTS)[number];

/** Yes-or-no filters, by their parameter in the API and in the address. */
export const SWITCHES = ["hires", "lossy", "incomplete", "no_cover", "recent"] as const;
export type Switch = (typeof SWITCHES)[number];

export interface Asked {
  sort: Sort;
  on: Switch[];
  source: string | null;
}

export function askedOf(query: URLSearchParams, usual: Sort = "title"): Asked {
  const sort = query.get("sort");
  return {
    sort: SORTS.find((known) => known === sort) ?? usual,
    on: SWITCHES.filter((name) => query.get(name) === "true"),
    source: query.get("source") || null,
  };
}

/** As the API takes it. */
export function parametersOf(asked: Asked): Record<string, string> {
  const switches = Object.fromEntries(asked.on.map((name) => [name, "true"]));
  // The order of my library when none is asked for.
  const sort = asked.sort === "loved" ? {} : { sort: asked.sort };
  return { ...sort, ...switches, ...(asked.source ? { source: asked.source } : {}) };
}

export function hasFilters(asked: Asked): boolean {
  return asked.on.length > 0 || asked.source !== null;
}

/** Lists by name have letters. */
export function isByName(asked: Asked): boolean {
  return asked.sort === "title" || asked.sort === "artist";
}

/** For the address: no filter at all. */
export const NO_FILTERS: Record<string, null> = Object.fromEntries([...SWITCHES, "source"].map((name) => [name, null]));
