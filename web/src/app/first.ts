// What the page at an address asks for first, in the very words in which it does. Pure: the early script is made of it.

import { addressOf, PAGE_SIZE } from "../api/address";
import { askedOf, parametersOf } from "../library/asked";

/** Who it is, and what the page shows. */
export function askedFirst(path: string, search: string): string[] {
  return [addressOf("/api/auth/me"), ...ofPage(path, new URLSearchParams(search))];
}

function ofPage(path: string, query: URLSearchParams): string[] {
  const [, section = "", id = ""] = path.split("/");
  if (["", "library", "mine"].includes(section)) {
    const isMine = section === "mine";
    return query.get("show") === "artists" ? artists(isMine) : albums(isMine, query);
  }
  if (section === "album") return [addressOf("/api/albums/{id}", { id })];
  if (section === "artist") return [addressOf("/api/artists/{id}", { id }), addressOf("/api/artists/{id}/albums", { id })];
  return [];
}

const FIRST_PAGE = { page: 1, limit: PAGE_SIZE };

function albums(isMine: boolean, query: URLSearchParams): string[] {
  const asked = askedOf(query, isMine ? "loved" : "title");
  const of = parametersOf(asked);
  const letters = addressOf("/api/albums/letters", {}, { ...of, ...(isMine ? { hearted: true } : {}) });
  return [addressOf(isMine ? "/api/me/library" : "/api/albums", {}, { ...of, ...FIRST_PAGE }), addressOf("/api/library"), letters];
}

function artists(isMine: boolean): string[] {
  return [addressOf(isMine ? "/api/me/library/artists" : "/api/artists", {}, FIRST_PAGE), addressOf("/api/artists/letters")];
}
