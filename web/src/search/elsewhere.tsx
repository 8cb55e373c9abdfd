// What other catalogues have: only those that are set up, and of one that is down, why.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import type { LidarrFoundArtist, QobuzAlbum, Source } from "../api/schema";
import { useResource } from "../api/store";
import { say, sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { Icon } from "../parts/icon";
import { words } from "../words";
import { textOf } from "../words/problems";

/** They are asked less eagerly than the library: after a longer pause, and not for a letter or two. */
const SETTLE_MS = 900;
const LEAST_LETTERS = 3;

export function Elsewhere({ asked }: { asked: string }) {
  const [isDue, setDue] = useState(false);
  const sources = useResource("sources", (signal) => api("GET /api/sources", { signal }), ["sources"]).data.value;
  useEffect(() => {
    const timer = setTimeout(() => setDue(true), SETTLE_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!isDue || !sources || [...asked].length < LEAST_LETTERS) return null;
  const of = (name: string) => sources.find((source) => source.name === name && source.state !== "off");
  const [qobuz, lidarr] = [of("qobuz"), of("lidarr")];
  return (
    <>
      {qobuz && <Part source={qobuz}>{<QobuzAlbums asked={asked} />}</Part>}
      {lidarr && <Part source={lidarr}>{<LidarrArtists asked={asked} />}</Part>}
    </>
  );
}

function Part({ source, children }: { source: Source; children: ComponentChildren }) {
  const { search } = words.value;
  if (source.state === "down") return <p class="muted small">{search.down(source.title, source.why ?? "")}</p>;
  return (
    <section class="search-part">
      <h2>{search.elsewhere(source.title)}</h2>
      {children}
    </section>
  );
}

function QobuzAlbums({ asked }: { asked: string }) {
  const found = useResource(
    `qobuz ${asked}`,
    (signal) => api("GET /api/qobuz/search", { query: { q: asked, type: "album", limit: 12 }, signal }),
    ["library"],
  );
  if (found.error.value) return <p class="muted small">{textOf(found.error.value)}</p>;
  return (
    <ul class="rows">
      {found.data.value?.albums.map((album) => (
        <li key={album.id} class="row">
          {album.artwork_small ? <img class="row-picture" src={album.artwork_small} alt="" width={44} height={44} loading="lazy" /> : <span class="row-picture" />}
          <div class="track-words">
            <span class="track-title" dir="auto">
              {album.title}
            </span>
            <span class="track-artist" dir="auto">
              {album.artist_name} {album.year && `· ${album.year}`}
            </span>
          </div>
          {album.hires && (
            <Badge kind="hires">
              {album.maximum_bit_depth}/{album.maximum_sampling_rate}
            </Badge>
          )}
          {album.in_library ? <InLibrary id={album.local_album_id} /> : <Get album={album} />}
        </li>
      ))}
    </ul>
  );
}

function InLibrary({ id }: { id: number | null | undefined }) {
  const badge = <Badge kind="good">{words.value.search.inLibrary}</Badge>;
  return id ? <a href={`/album/${id}`}>{badge}</a> : badge;
}

function Get({ album }: { album: QobuzAlbum }) {
  const { search } = words.value;
  const [isAsked, setAsked] = useState(false);
  const get = async () => {
    setAsked(true);
    try {
      await api("POST /api/downloads/qobuz", { body: { url: album.url, search_type: "album" } });
      say(search.asked(album.title), { kind: "good" });
    } catch (error) {
      setAsked(false);
      sayProblem(error);
    }
  };
  return (
    <button type="button" class="icon-button" disabled={isAsked} aria-label={search.get(album.title)} title={search.get(album.title)} onClick={() => void get()}>
      <Icon name={isAsked ? "check" : "download"} />
    </button>
  );
}

function LidarrArtists({ asked }: { asked: string }) {
  const { search } = words.value;
  const found = useResource(
    `lidarr ${asked}`,
    (signal) => api("GET /api/lidarr/search", { query: { q: asked }, signal }),
    ["lidarr"],
  );
  const add = async (artist: LidarrFoundArtist) => {
    try {
      await api("POST /api/lidarr/artists", { body: { mbid: artist.mbid, name: artist.name } });
      say(search.added(artist.name), { kind: "good" });
      void found.refresh();
    } catch (error) {
      sayProblem(error);
    }
  };
  if (found.error.value) return <p class="muted small">{textOf(found.error.value)}</p>;
  return (
    <ul class="rows">
      {found.data.value?.results.slice(0, 6).map((artist) => (
        <li key={artist.mbid} class="row">
          <div class="track-words">
            <span class="track-title" dir="auto">
              {artist.name}
            </span>
            <span class="track-artist" dir="auto">
              {artist.overview}
            </span>
          </div>
          {artist.in_lidarr && <Badge>{search.known}</Badge>}
          {!artist.in_lidarr && (
            <button type="button" class="icon-button" aria-label={search.add(artist.name)} title={search.add(artist.name)} onClick={() => void add(artist)}>
              <Icon name="plus" />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
