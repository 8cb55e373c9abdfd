// Search: as one types, the library first.

import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Found } from "../api/schema";
import { useResource } from "../api/store";
import { put, query } from "../app/router";
import { learn } from "../hearts/hearts";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { PageHead } from "../parts/head";
import { Icon } from "../parts/icon";
import { AlbumTile, ArtistTile } from "../parts/tile";
import { words } from "../words";
import { Elsewhere } from "./elsewhere";
import { FoundTracks } from "./tracks";

/** A pause in typing, after which it is searched. */
const SETTLE_MS = 150;
const MOST = 24;

export function SearchPage() {
  const { search } = words.value;
  const asked = query.value.get("q") ?? "";
  const [typed, setTyped] = useState(asked);
  useEffect(() => {
    const timer = setTimeout(() => put({ q: typed.trim() || null }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <>
      <PageHead title={search.title} />
      <search class="search-box">
        <Icon name="search" />
        <input
          type="search"
          autofocus
          value={typed}
          placeholder={search.placeholder}
          aria-label={search.title}
          enterkeyhint="search"
          autocapitalize="none"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        {typed && (
          <button type="button" class="icon-button" aria-label={words.value.clear} onClick={() => setTyped("")}>
            <Icon name="close" size={18} />
          </button>
        )}
      </search>
      {asked ? <Results asked={asked} /> : <Empty icon="search" title={search.begin} hint={search.beginHint} />}
    </>
  );
}

function Results({ asked }: { asked: string }) {
  const { search, library } = words.value;
  const found = useResource(
    `search ${asked}`,
    async (signal) => learnAll(await api("GET /api/search", { query: { q: asked, limit: MOST }, signal })),
    ["library", "hearts"],
  );
  // While the next letters are searched for, what was found for the last ones stays.
  const last = useRef<Found | undefined>(undefined);
  last.current = found.data.value ?? last.current;
  const all = last.current;
  if (found.error.value && !found.data.value) return <Failed problem={found.error.value} again={() => void found.refresh()} />;
  if (!all) return <SkeletonLines />;
  const isNothing = all.artists.length + all.albums.length + all.tracks.length === 0;
  return (
    <div aria-live="polite" aria-atomic="false">
      {isNothing && found.data.value && <Empty icon="search" title={search.nothing(asked)} hint={search.nothingHint} />}
      {all.artists.length > 0 && (
        <section class="search-part">
          <h2>{library.artists}</h2>
          <div class="flow artists" role="list">
            {all.artists.slice(0, 8).map((artist, index) => (
              <div key={artist.id} role="listitem">
                <ArtistTile artist={artist} index={index} pixels={140} />
              </div>
            ))}
          </div>
        </section>
      )}
      {all.albums.length > 0 && (
        <section class="search-part">
          <h2>{library.albums}</h2>
          <div class="flow" role="list">
            {all.albums.slice(0, 12).map((album, index) => (
              <div key={album.id} role="listitem">
                <AlbumTile album={album} index={index} pixels={180} />
              </div>
            ))}
          </div>
        </section>
      )}
      {all.tracks.length > 0 && <FoundTracks tracks={all.tracks} />}
      <Elsewhere key={asked} asked={asked} />
    </div>
  );
}

function learnAll(found: Found): Found {
  learn("artist", found.artists);
  learn("album", found.albums);
  learn("track", found.tracks);
  return found;
}
