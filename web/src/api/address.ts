// The addresses of routes. Pure.

/** So many a page of a long list has. */
export const PAGE_SIZE = 100;

/** The address of a route with its path and query filled in; parameters without a value are left out. */
export function addressOf(
  template: string,
  path: Record<string, string | number> = {},
  query: Record<string, unknown> = {},
): string {
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(path[name] ?? "")));
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") pairs.append(name, String(value));
  }
  const text = pairs.toString();
  return text ? `${filled}?${text}` : filled;
}
