// My library: what I love, newest first.

import { Empty } from "../parts/empty";
import { Albums, Artists, isArtists } from "../library/page";
import { words } from "../words";

export function MinePage() {
  const { mine } = words.value;
  const Shown = isArtists() ? Artists : Albums;
  const none = (
    <Empty icon="heart" title={mine.empty} hint={mine.emptyHint}>
      <a class="button primary" href="/library">
        {mine.toLibrary}
      </a>
    </Empty>
  );
  return <Shown whose="mine" title={mine.title} base="/mine" usual="loved" none={none} />;
}
