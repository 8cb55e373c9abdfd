// An artist and their albums, the newest first.

import { api } from "../api/client";
import { useResource } from "../api/store";
import { rest } from "../app/router";
import { Heart } from "../hearts/heart";
import { learn } from "../hearts/hearts";
import { Cover } from "../parts/cover";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { useTitle } from "../parts/head";
import { AlbumTile } from "../parts/tile";
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
        <div class="artist-portrait">
          <Cover of={{ thing: "artist", id, name: known.name, artwork: known.artwork_path, version: known.artwork_version }} pixels={180} isEager />
        </div>
        <div>
          <h1 dir="auto">{known.name}</h1>
          <p class="muted">{of && words.value.counts.albums(of.length)}</p>
          <div class="album-tools">
            <Heart thing="artist" id={id} name={known.name} class="large" />
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
