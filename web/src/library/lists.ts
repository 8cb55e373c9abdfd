// The lists of the library and of my library, and how many of them begin with each letter.

import { api } from "../api/client";
import { type LongList, useLongList } from "../api/list";
import type { Album, Artist } from "../api/schema";
import { type Resource, useResource } from "../api/store";
import { learn } from "../hearts/hearts";
import type { Count } from "../parts/letters";
import { type Asked, parametersOf } from "./asked";

export type Whose = "all" | "mine";

const TAGS = { all: ["library"], mine: ["library", "hearts"] };

export function useAlbums(asked: Asked, whose: Whose): LongList<Album> {
  const of = parametersOf(asked);
  const route = whose === "mine" ? "GET /api/me/library" : "GET /api/albums";
  return useLongList(
    `${route} ${JSON.stringify(of)}`,
    async (page, signal) => {
      const answer = await api(route, { query: { ...of, ...page }, signal });
      return { ...answer, items: learn("album", answer.items) };
    },
    TAGS[whose],
  );
}

export function useArtists(whose: Whose): LongList<Artist> {
  const route = whose === "mine" ? "GET /api/me/library/artists" : "GET /api/artists";
  return useLongList(
    route,
    async (page, signal) => {
      const answer = await api(route, { query: page, signal });
      return { ...answer, items: learn("artist", answer.items) };
    },
    TAGS[whose],
  );
}

export function useAlbumLetters(asked: Asked, whose: Whose): Resource<Count[]> {
  const query = { ...parametersOf(asked), ...(whose === "mine" ? { hearted: true } : {}) };
  return useResource(
    `letters ${JSON.stringify(query)}`,
    (signal) => api("GET /api/albums/letters", { query, signal }),
    TAGS[whose],
  );
}

export function useArtistLetters(): Resource<Count[]> {
  return useResource("letters of artists", (signal) => api("GET /api/artists/letters", { signal }), TAGS.all);
}
