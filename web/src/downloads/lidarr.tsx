// Lidarr: artists to be wanted, and what it is fetching.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { LidarrFoundArtist } from "../api/schema";
import { useResource } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { Failed, SkeletonLines } from "../parts/empty";
import { useEvery } from "../parts/every";
import { Icon } from "../parts/icon";
import { Facts, Part, Progress, Row, Rows } from "../parts/rows";
import { words } from "../words";

const LOOK_AGAIN_MS = 10_000;

export function LidarrArtists({ asked }: { asked: string }) {
  const { downloads: said } = words.value;
  const found = useResource(`lidarr ${asked}`, async (signal) => (await api("GET /api/lidarr/search", { query: { q: asked }, signal })).results, []);
  const artists = found.data.value;
  if (found.error.value && !artists) return <Failed problem={found.error.value} again={() => void found.refresh()} />;
  if (!artists) return <SkeletonLines count={4} />;
  if (artists.length === 0) return null;
  return (
    <Part title={said.lidarr} hint={said.lidarrHint}>
      <Rows label={said.lidarr}>
        {artists.map((artist) => (
          <ArtistRow key={artist.mbid} artist={artist} />
        ))}
      </Rows>
    </Part>
  );
}

function ArtistRow({ artist }: { artist: LidarrFoundArtist }) {
  const { downloads: said, house } = words.value;
  const [isWanted, setWanted] = useState(artist.in_lidarr ?? false);
  const want = async () => {
    setWanted(true);
    try {
      await api("POST /api/lidarr/artists", { body: { mbid: artist.mbid, name: artist.name, search_for_missing: true } });
      say(said.wanted(artist.name), { kind: "good" });
    } catch (error) {
      setWanted(false);
      sayProblem(error);
    }
  };
  return (
    <Row
      icon="artist"
      title={
        <>
          {artist.name} {isWanted && <Badge kind="good">{said.isWanted}</Badge>}
        </>
      }
      below={<Facts of={[artist.genres.join(", ")]} />}
      tools={
        !isWanted && (
          <button type="button" class="button small" aria-label={house.of(said.want, artist.name)} onClick={() => void want()}>
            <Icon name="plus" size={16} /> {said.want}
          </button>
        )
      }
    >
      {artist.overview && <p class="row-below">{artist.overview}</p>}
    </Row>
  );
}

/** What Lidarr is fetching; it arrives in the inbox by itself. */
export function LidarrQueue() {
  const { downloads: said } = words.value;
  const found = useResource("lidarr queue", (signal) => api("GET /api/lidarr/queue", { signal }), ["downloads"]);
  useEvery(LOOK_AGAIN_MS, () => void found.refresh());
  const items = found.data.value?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Part title={said.atLidarr}>
      <Rows label={said.atLidarr}>
        {items.map((one) => (
          <Row key={one.id} icon="download" title={one.album ?? one.title} below={<Facts of={[one.artist, one.status, `${one.progress} %`, one.eta && said.left(one.eta)]} />}>
            <Progress percent={one.progress} label={said.howFar(one.title)} />
            {one.error && <p class="row-problem">{one.error}</p>}
          </Row>
        ))}
      </Rows>
    </Part>
  );
}
