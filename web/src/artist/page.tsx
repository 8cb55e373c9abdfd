// An artist and their albums, the newest first.

import { api } from "../api/client";
import type { Artist } from "../api/schema";
import { useResource } from "../api/store";
import { go, rest } from "../app/router";
import { isAdmin } from "../app/session";
import { editArtist } from "../edits/things";
import { Heart } from "../hearts/heart";
import { learn } from "../hearts/hearts";
import { Cover } from "../parts/cover";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { useTitle } from "../parts/head";
import { Icon } from "../parts/icon";
import { Menu } from "../parts/menu";
import { choosePicture, PictureDrop, restorePicture } from "../parts/picture";
import { AlbumTile } from "../parts/tile";
import { askToDelete } from "../trash/remove";
import { words } from "../words";

export function ArtistPage() {
  const id = Number(rest.value[0]);
  const artist = useResource(
    `artist ${id}`,
    async (signal) => learn("artist", [await api("GET /api/artists/{id}", { path: { id }, signal })])[0],
    [`artist:${id}`, "library", "hearts"],
  );
  const albums = useResource(
    `albums of artist ${id}`,
    async (signal) => learn("album", await api("GET /api/artists/{id}/albums", { path: { id }, signal })),
    ["library", "hearts"],
  );
  const known = artist.data.value;
  useTitle(known?.name ?? "");
  const problem = artist.error.value;
  if (problem?.status === 404) return <Empty icon="artist" title={words.value.artist.gone} />;
  if (!known) return problem ? <Failed problem={problem} again={() => void artist.refresh()} /> : <SkeletonLines />;
  const of = albums.data.value;
  return (
    <>
      <header class="artist-head">
        <PictureDrop class="artist-portrait" sitter="artist" id={id}>
          <Cover of={{ thing: "artist", id, name: known.name, artwork: known.artwork_path, version: known.artwork_version }} pixels={180} isEager />
        </PictureDrop>
        <div>
          <h1 dir="auto">{known.name}</h1>
          <p class="muted">{of && words.value.counts.albums(of.length)}</p>
          <div class="album-tools">
            <Heart thing="artist" id={id} name={known.name} class="large" />
            <ArtistMenu artist={known} />
          </div>
        </div>
      </header>
      <div class="flow" role="list" aria-label={words.value.library.albums}>
        {of?.map((album, index) => (
          <div key={album.id} role="listitem">
            <AlbumTile album={album} index={index} pixels={190} beneath="year" />
          </div>
        ))}
      </div>
    </>
  );
}

function ArtistMenu({ artist }: { artist: Artist }) {
  const { edits, picture } = words.value;
  const items = [
    { label: edits.artist, icon: "edit" as const, run: () => editArtist(artist) },
    { label: picture.choose, icon: "image" as const, run: () => choosePicture("artist", artist.id) },
    { label: picture.restore, icon: "refresh" as const, run: () => void restorePicture("artist", artist.id) },
  ];
  const remove = {
    label: words.value.artist.delete,
    icon: "trash" as const,
    isDanger: true,
    run: () => askToDelete("artist", [artist.id], artist.name, () => go("/library?show=artists")),
  };
  return (
    <Menu label={words.value.more} items={isAdmin.value ? [...items, remove] : items} class="icon-button bordered" align="start">
      <Icon name="more" />
    </Menu>
  );
}
