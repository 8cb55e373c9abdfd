// Albums or artists: two addresses, so that each can be linked to.

import { words } from "../words";

export function Tabs({ base, chosen }: { base: string; chosen: "albums" | "artists" }) {
  const { library } = words.value;
  return (
    <nav class="tabs" aria-label={library.shown}>
      <a href={base} aria-current={chosen === "albums" ? "page" : undefined}>
        {library.albums}
      </a>
      <a href={`${base}?show=artists`} aria-current={chosen === "artists" ? "page" : undefined}>
        {library.artists}
      </a>
    </nav>
  );
}
