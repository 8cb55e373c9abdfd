// An album: its cover, its tracks by disc, and where they came from.

import { api } from "../api/client";
import type { AlbumDetail } from "../api/schema";
import { useResource } from "../api/store";
import { go, rest } from "../app/router";
import { isAdmin } from "../app/session";
import { editAlbum } from "../edits/things";
import { Heart } from "../hearts/heart";
import { learn } from "../hearts/hearts";
import { Badge, QualityBadge, SourceBadge } from "../parts/badge";
import { Cover } from "../parts/cover";
import { Empty, Failed } from "../parts/empty";
import { useTitle } from "../parts/head";
import { Icon } from "../parts/icon";
import { Menu } from "../parts/menu";
import { choosePicture, PictureDrop, restorePicture } from "../parts/picture";
import { clock } from "../parts/time";
import { enqueue, play, playablesOf } from "../player/queue";
import { askToDelete } from "../trash/remove";
import { words } from "../words";
import { MissingTracks } from "./missing";
import { Origin } from "./origin";
import { AlbumSkeleton } from "./skeleton";
import { TrackList } from "./tracks";

function useAlbum(id: number) {
  return useResource(
    `album ${id}`,
    async (signal) => {
      const album = await api("GET /api/albums/{id}", { path: { id }, signal });
      learn("album", [album]);
      learn("track", album.tracks);
      return album;
    },
    ["hearts", `album:${id}`, "library"],
  );
}

export function AlbumPage() {
  const id = Number(rest.value[0]);
  const album = useAlbum(id);
  useTitle(album.data.value?.title ?? "");
  const problem = album.error.value;
  if (problem?.status === 404 || problem?.status === 400) {
    return <Empty icon="album" title={words.value.album.gone} hint={words.value.album.goneHint} />;
  }
  if (!album.data.value) {
    return problem ? <Failed problem={problem} again={() => void album.refresh()} /> : <AlbumSkeleton />;
  }
  return <Shown album={album.data.value} />;
}

function Shown({ album }: { album: AlbumDetail }) {
  return (
    <article class="album-page">
      <AlbumHead album={album} />
      <TrackList album={album} />
      <MissingTracks album={album} />
      <Origin album={album} />
    </article>
  );
}

function AlbumHead({ album }: { album: AlbumDetail }) {
  const { album: said, counts, library } = words.value;
  const total = album.tracks.reduce((sum, track) => sum + (track.duration ?? 0), 0);
  const facts = [album.year, album.genre, album.label].filter(Boolean).join(" · ");
  return (
    <header class="album-head">
      <PictureDrop class="album-cover" sitter="album" id={album.id}>
        <Cover of={{ thing: "album", id: album.id, name: album.title, artwork: album.artwork_path, version: album.artwork_version }} pixels={300} isEager />
      </PictureDrop>
      <div class="album-words">
        <h1 dir="auto">{album.title}</h1>
        <a class="album-artist" href={`/artist/${album.artist_id}`} dir="auto">
          {album.artist_name}
        </a>
        {facts && <p class="muted">{facts}</p>}
        <p class="badges">
          <QualityBadge sounds={album.tracks} />
          <SourceBadge source={album.source} />
          {album.available_tracks < album.total_tracks && <Badge kind="warn">{said.incomplete(album.available_tracks, album.total_tracks)}</Badge>}
        </p>
        <p class="muted small">
          {counts.tracks(album.tracks.length)} · {clock(total)}
          {album.disc_count > 1 && ` · ${counts.discs(album.disc_count)}`}
        </p>
        <div class="album-tools">
          <button type="button" class="button primary" onClick={() => play(playablesOf(album))} aria-label={library.play(album.title)}>
            <Icon name="play-full" size={18} /> {said.play}
          </button>
          <Heart thing="album" id={album.id} name={album.title} class="large" />
          <AlbumMenu album={album} />
        </div>
      </div>
    </header>
  );
}

function AlbumMenu({ album }: { album: AlbumDetail }) {
  const { edits, picture, player } = words.value;
  const items = [
    { label: player.enqueue, icon: "queue" as const, run: () => enqueue(playablesOf(album)) },
    { label: edits.album, icon: "edit" as const, run: () => editAlbum(album) },
    { label: picture.choose, icon: "image" as const, run: () => choosePicture("album", album.id) },
    { label: picture.restore, icon: "refresh" as const, run: () => void restorePicture("album", album.id) },
  ];
  const remove = {
    label: words.value.delete,
    icon: "trash" as const,
    isDanger: true,
    run: () => askToDelete("album", [album.id], album.title, () => go("/library")),
  };
  return (
    <Menu label={words.value.more} items={isAdmin.value ? [...items, remove] : items} class="icon-button bordered" align="start">
      <Icon name="more" />
    </Menu>
  );
}
