import assert from "node:assert/strict";
import { test } from "node:test";
import { askedFirst } from "./first";

test("what a page shows is asked for by its address alone", () => {
  const of = (address: string) => {
    const { pathname, search } = new URL(address, "https://house");
    return askedFirst(pathname, search).slice(1);
  };
  const library = ["/api/albums?sort=title&page=1&limit=100", "/api/library", "/api/albums/letters?sort=title"];
  assert.deepEqual(of("/"), library);
  assert.deepEqual(of("/library"), library);
  assert.deepEqual(of("/library?sort=year&lossy=true")[0], "/api/albums?sort=year&lossy=true&page=1&limit=100");
  assert.deepEqual(of("/library?show=artists"), ["/api/artists?page=1&limit=100", "/api/artists/letters"]);
  assert.deepEqual(of("/mine")[0], "/api/me/library?page=1&limit=100");
  assert.deepEqual(of("/album/7"), ["/api/albums/7"]);
  assert.deepEqual(of("/artist/7"), ["/api/artists/7", "/api/artists/7/albums"]);
  assert.deepEqual(of("/settings/users"), []);
  assert.equal(askedFirst("/settings", "")[0], "/api/auth/me");
});
