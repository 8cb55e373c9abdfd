// What a browser calls itself, as people would. Pure.

const BROWSERS: [RegExp, string][] = [
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/(Firefox|FxiOS)\//, "Firefox"],
  [/(Chrome|Chromium|CriOS|HeadlessChrome)\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/Linux/, "Linux"],
];

/** `Firefox, Linux`; of other programs the first word: `curl`. */
export function agentOf(userAgent: string): string {
  const named = (of: [RegExp, string][]) => of.find(([pattern]) => pattern.test(userAgent))?.[1];
  const browser = userAgent.startsWith("Mozilla/") ? named(BROWSERS) : undefined;
  if (!browser) return userAgent.split(/[/ ]/)[0] ?? "";
  return [browser, named(SYSTEMS)].filter(Boolean).join(", ");
}
