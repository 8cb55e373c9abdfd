// Covers with a name beneath: an album, an artist. Kept small: fifty of them are on the screen.

import type { Album, Artist } from "../api/schema";
import { isCalm } from "../app/idle";
import { Heart } from "../hearts/heart";
import { playAlbum } from "../player/queue";
import { words } from "../words";
import { isPicking, pick, picked, type Picked } from "./choice";
import { Cover } from "./cover";
import { Icon } from "./icon";
import { longPress } from "./press";
import { PictureDrop } from "./picture";

interface AlbumTileProps {
  album: Album | undefined;
  pixels: number;
  index: number;
  /** Whether the artist stands beneath, or the year (on the artist's own page). */
  beneath?: "artist" | "year";
  /** The list around it, for picking from here to there; none: albums are not picked here. */
  at?: (index: number) => Picked | undefined;
}

export function AlbumTile({ album, pixels, index, beneath = "artist", at }: AlbumTileProps) {
  if (!album) return <TileSkeleton />;
  const isPicked = picked.value.has(album.id);
  const item = { id: album.id, title: album.title };
  const choose = (event: MouseEvent) => {
    event.preventDefault();
    event.stopPropagation();
    pick(item, index, event.shiftKey ? (at ?? null) : null);
  };
  return (
    <article class={`tile ${isPicked ? "is-picked" : ""} ${isPicking.value ? "is-picking" : ""}`}>
      <PictureDrop class="tile-square" sitter="album" id={album.id}>
        <a
          class="tile-link"
          href={`/album/${album.id}`}
          aria-label={`${album.title}, ${album.artist_name}`}
          {...(at ? longPress(() => pick(item, index, null)) : {})}
          onClick={(event) => at && isPicking.value && choose(event)}
        >
          <Cover of={{ thing: "album", id: album.id, name: album.title, artwork: album.artwork_path, version: album.artwork_version }} pixels={pixels} isEager={index < 12} />
        </a>
        {at && isCalm.value && (
          <button
            type="button"
            class="pick"
            role="checkbox"
            aria-checked={isPicked}
            aria-label={words.value.library.select(album.title)}
            onClick={choose}
          >
            {isPicked && <Icon name="check" size={16} />}
          </button>
        )}
        {isCalm.value && <Tools album={album} />}
      </PictureDrop>
      <a class="tile-title" href={`/album/${album.id}`} tabIndex={-1} title={album.title} dir="auto">
        {album.title}
      </a>
      {beneath === "artist" ? (
        <a class="tile-below" href={`/artist/${album.artist_id}`} tabIndex={-1} title={album.artist_name} dir="auto">
          {album.artist_name}
        </a>
      ) : (
        <span class="tile-below">{album.year ?? ""}</span>
      )}
    </article>
  );
}

/** What can be done with it; the covers stand first. */
function Tools({ album }: { album: Album }) {
  return (
    <>
      <button
        type="button"
        class="play-button tile-play"
        aria-label={words.value.library.play(album.title)}
        onClick={(event) => {
          event.preventDefault();
          void playAlbum(album.id);
        }}
      >
        <Icon name="play-full" size={18} />
      </button>
      <Heart thing="album" id={album.id} name={album.title} class="on-cover" />
    </>
  );
}

export function ArtistTile({ artist, pixels, index }: { artist: Artist | undefined; pixels: number; index: number }) {
  if (!artist) return <TileSkeleton isRound />;
  return (
    <article class="tile artist">
      <div class="tile-square">
        <a class="tile-link" href={`/artist/${artist.id}`} aria-label={artist.name}>
          <Cover of={{ thing: "artist", id: artist.id, name: artist.name, artwork: artist.artwork_path, version: artist.artwork_version }} pixels={pixels} isEager={index < 12} />
        </a>
        {isCalm.value && <Heart thing="artist" id={artist.id} name={artist.name} class="on-cover" />}
      </div>
      <a class="tile-title" href={`/artist/${artist.id}`} tabIndex={-1} title={artist.name} dir="auto">
        {artist.name}
      </a>
    </article>
  );
}

function TileSkeleton({ isRound = false }: { isRound?: boolean }) {
  return (
    <div class={`tile ${isRound ? "artist" : ""}`} aria-hidden="true">
      <div class="tile-square">
        <span class="cover skeleton" />
      </div>
      <span class="skeleton line" />
      <span class="skeleton line short" />
    </div>
  );
}
