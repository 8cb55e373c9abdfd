// Qobuz's catalogue: albums and artists, what of them is in the library, and the button that fetches them.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { QobuzAlbum, QobuzArtistFacts } from "../api/schema";
import { useResource } from "../api/store";
import { sayProblem } from "../app/toasts";
import { Failed, SkeletonLines } from "../parts/empty";
import { SelectField } from "../parts/form";
import { Icon } from "../parts/icon";
import { kiloHertz } from "../parts/quality";
import { Chips, Facts, Row, Rows } from "../parts/rows";
import { clock } from "../parts/time";
import { words } from "../words";
import { textOf } from "../words/problems";
import { queued } from "./ask";
import { InLibrary } from "./row";

const MOST = 20;
type Kind = "album" | "artist";

export function QobuzSearch({ asked }: { asked: string }) {
  const { downloads: said, library } = words.value;
  const [kind, setKind] = useState<Kind>("album");
  const [artist, setArtist] = useState<QobuzArtistFacts | null>(null);
  const [quality, setQuality] = useState("4");
  return (
    <section class="catalogue">
      <div class="bar">
        <Chips<Kind>
          label={said.found}
          all={[
            ["album", library.albums],
            ["artist", library.artists],
          ]}
          chosen={artist ? "artist" : kind}
          choose={(one) => {
            setArtist(null);
            setKind(one);
          }}
        />
        <SelectField label={said.quality} value={quality} set={setQuality} options={said.qualities.map((name, n) => [String(n), name] as const)} />
      </div>
      {artist ? <OfArtist artist={artist} quality={Number(quality)} /> : <Found key={kind} asked={asked} kind={kind} quality={Number(quality)} choose={setArtist} />}
    </section>
  );
}

function Found({ asked, kind, quality, choose }: { asked: string; kind: Kind; quality: number; choose: (artist: QobuzArtistFacts) => void }) {
  const { downloads: said, counts, show, house } = words.value;
  const found = useResource(`qobuz ${kind} ${asked}`, (signal) => api("GET /api/qobuz/search", { query: { q: asked, type: kind, limit: MOST }, signal }), ["library"]);
  const all = found.data.value;
  if (!all) return found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines count={6} />;
  if (kind === "album") return <Albums albums={all.albums} none={said.nothing(asked)} quality={quality} />;
  if (all.artists.length === 0) return <p class="muted">{said.nothing(asked)}</p>;
  return (
    <Rows label={said.found}>
      {all.artists.map((artist) => (
        <Row
          key={artist.id}
          picture={<Picture address={artist.image_small} icon="artist" />}
          title={artist.name}
          below={counts.albums(artist.album_count)}
          tools={
            <button type="button" class="button small" aria-label={house.of(show, artist.name)} onClick={() => choose(artist)}>
              {show}
            </button>
          }
        />
      ))}
    </Rows>
  );
}

function OfArtist({ artist, quality }: { artist: QobuzArtistFacts; quality: number }) {
  const { downloads: said } = words.value;
  const found = useResource(`qobuz artist ${artist.id}`, (signal) => api("GET /api/qobuz/artist/{artist}", { path: { artist: artist.id }, signal }), ["library"]);
  const all = found.data.value;
  if (!all) return found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines count={6} />;
  return (
    <>
      <h2 dir="auto">{artist.name}</h2>
      <Albums albums={all.albums} none={said.nothing(artist.name)} quality={quality} />
    </>
  );
}

function Albums({ albums, none, quality }: { albums: QobuzAlbum[]; none: string; quality: number }) {
  const { downloads: said } = words.value;
  if (albums.length === 0) return <p class="muted">{none}</p>;
  return (
    <Rows label={said.found}>
      {albums.map((album) => (
        <AlbumRow key={album.id} album={album} quality={quality} />
      ))}
    </Rows>
  );
}

function AlbumRow({ album, quality }: { album: QobuzAlbum; quality: number }) {
  const { downloads: said, counts, house } = words.value;
  const [isAsked, setAsked] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const fetchIt = async () => {
    setAsked(true);
    try {
      queued(await api("POST /api/downloads/qobuz", { body: { url: album.url, quality, search_type: "album" } }));
    } catch (error) {
      setAsked(false);
      sayProblem(error);
    }
  };
  const sound = album.maximum_bit_depth && album.maximum_sampling_rate ? `${album.maximum_bit_depth}/${kiloHertz(album.maximum_sampling_rate * 1000)}` : "";
  return (
    <Row
      picture={<Picture address={album.artwork_small} icon="album" />}
      title={
        <>
          {album.title} {album.in_library && <InLibrary id={album.local_album_id} />}
        </>
      }
      below={<Facts of={[album.artist_name, album.year, sound]} />}
      tools={
        <button type="button" class="button small" disabled={isAsked} aria-label={house.of(said.fetch, album.title)} onClick={() => void fetchIt()}>
          <Icon name={isAsked ? "check" : "download"} size={16} /> {said.fetch}
        </button>
      }
    >
      <details class="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{counts.tracks(album.track_count ?? 0)}</summary>
        {isOpen && <TracksOf album={album} />}
      </details>
    </Row>
  );
}

function TracksOf({ album }: { album: QobuzAlbum }) {
  const found = useResource(`qobuz album ${album.id}`, (signal) => api("GET /api/qobuz/album/{album}", { path: { album: album.id }, signal }), []);
  const tracks = found.data.value?.tracks;
  if (!tracks) return found.error.value ? <p class="row-problem">{textOf(found.error.value)}</p> : <SkeletonLines count={4} />;
  return (
    <ol class="output">
      {tracks.map((track) => (
        <li key={track.id} dir="auto">
          {track.track_number}. {track.title} <span class="muted">{clock(track.duration)}</span>
        </li>
      ))}
    </ol>
  );
}

/** A shop's picture tells the shop nothing of us but that somebody looks. */
function Picture({ address, icon }: { address: string | null | undefined; icon: "album" | "artist" }) {
  return address?.startsWith("https:") ? <img src={address} alt="" width={40} height={40} loading="lazy" referrerpolicy="no-referrer" /> : <Icon name={icon} />;
}
