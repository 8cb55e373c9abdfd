// What of a form was changed, as the API takes it: what stays is not said. Pure.

export type Values = Record<string, string>;

/** Only what is different; a field that was emptied takes its value away. */
export function changesOf(before: Values, now: Values): Values {
  const changed = Object.entries(now).filter(([name, value]) => value.trim() !== (before[name] ?? "").trim());
  return Object.fromEntries(changed.map(([name, value]) => [name, value.trim()]));
}

/** As the API's body: these fields are whole numbers there, and an empty one is 0, which takes the value away. */
export function bodyOf(changes: Values, numbers: readonly string[]): Record<string, string | number> {
  return Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, numbers.includes(name) ? Number(value || 0) : value]));
}

/** Of several albums: the value that all have, else nothing. */
export function commonOf<T>(rows: T[], read: (row: T) => string): string {
  const first = rows[0];
  return first !== undefined && rows.every((row) => read(row) === read(first)) ? read(first) : "";
}
