// The forms for an album, several albums, a track, an artist.

import { signal } from "@preact/signals";
import type { AlbumDetail, Artist, TrackBrief } from "../api/schema";
import { words } from "../words";
import { EditDialog, type Field } from "./dialog";
import type { Values } from "./form";
import type { Target } from "./save";

interface Open {
  title: string;
  target: Target;
  fields: Field[];
  before: Values;
}

const open = signal<Open | null>(null);

/** Where the shell shows the form that is open. */
export function Edits() {
  const shown = open.value;
  if (!shown) return null;
  return <EditDialog key={JSON.stringify(shown.target)} {...shown} onClose={() => (open.value = null)} />;
}

function fieldsOf(names: readonly string[], numbers: readonly string[] = []): Field[] {
  const { fields } = words.value.edits;
  return names.map((name) => ({ name, label: fields[name] ?? name, isNumber: numbers.includes(name) }));
}

export function editAlbum(album: AlbumDetail): void {
  open.value = {
    title: words.value.edits.album,
    target: { kind: "album", id: album.id },
    fields: fieldsOf(["title", "artist", "year", "genre", "label"], ["year"]),
    before: {
      title: album.title,
      artist: album.artist_name,
      year: album.year ? String(album.year) : "",
      genre: album.genre ?? "",
      label: album.label ?? "",
    },
  };
}

/** What is left empty stays as it is in each. */
export function editAlbums(ids: number[]): void {
  const { edits } = words.value;
  const fields = fieldsOf(["artist", "year", "genre", "label"], ["year"]);
  open.value = {
    title: edits.albums(ids.length),
    target: { kind: "albums", ids },
    fields: fields.map((field) => ({ ...field, hint: edits.stays })),
    before: { artist: "", year: "", genre: "", label: "" },
  };
}

export function editTrack(track: TrackBrief, album: AlbumDetail): void {
  open.value = {
    title: words.value.edits.track,
    target: { kind: "track", id: track.id },
    fields: fieldsOf(["title", "artist", "track_number", "disc_number"], ["track_number", "disc_number"]).map((field) =>
      field.name === "artist" ? { ...field, label: words.value.edits.fields.artist_name ?? field.name } : field,
    ),
    before: {
      title: track.title,
      artist: track.artist_name ?? album.artist_name,
      track_number: String(track.track_number),
      disc_number: String(track.disc_number),
    },
  };
}

export function editArtist(artist: Artist): void {
  open.value = {
    title: words.value.edits.artist,
    target: { kind: "artist", id: artist.id },
    fields: fieldsOf(["name", "sort_name"]),
    before: { name: artist.name, sort_name: artist.sort_name },
  };
}
