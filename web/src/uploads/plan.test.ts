import assert from "node:assert/strict";
import { test } from "node:test";
import { type Begun, fileOf, goesOn, nameOf, pieceAfter, PIECE_BYTES } from "./plan";

const upload: Begun = {
  id: 1,
  name: "Album",
  state: "open",
  total_bytes: 7,
  received_bytes: 3,
  files: [{ id: 1, path: "1.flac", size: 3, offset: 3 }, { id: 2, path: "CD2/1.flac", size: 4, offset: 0 }],
};

test("the same folder dropped again goes on where it broke off", () => {
  const files = [{ path: "Album/1.flac", size: 3 }, { path: "Album/CD2/1.flac", size: 4 }, { path: "Album/x.exe", size: 9 }];
  assert.equal(goesOn([upload], files)?.id, 1);
  assert.equal(fileOf(upload.files[1]!, files)?.path, "Album/CD2/1.flac");
});

test("another folder, or one that was changed, begins anew", () => {
  assert.equal(goesOn([upload], [{ path: "Album/1.flac", size: 3 }]), undefined);
  assert.equal(goesOn([upload], [{ path: "Album/1.flac", size: 5 }, { path: "Album/CD2/1.flac", size: 4 }]), undefined);
  assert.equal(goesOn([{ ...upload, state: "taking" }], [{ path: "1.flac", size: 3 }, { path: "CD2/1.flac", size: 4 }]), undefined);
});

test("pieces follow one another to the end", () => {
  assert.deepEqual(pieceAfter(0, PIECE_BYTES + 5), [0, PIECE_BYTES]);
  assert.deepEqual(pieceAfter(PIECE_BYTES, PIECE_BYTES + 5), [PIECE_BYTES, PIECE_BYTES + 5]);
  assert.equal(pieceAfter(5, 5), undefined);
});

test("loose files get a name that says nothing, a folder and a zip keep theirs", () => {
  const now = new Date("2026-03-01T12:34:56Z");
  assert.equal(nameOf([{ path: "01 - A.flac", size: 1 }, { path: "02 - B.flac", size: 1 }], now), "Dropped 2026-03-01 123456");
  assert.equal(nameOf([{ path: "Album/01 - A.flac", size: 1 }, { path: "Album/02 - B.flac", size: 1 }], now), undefined);
  assert.equal(nameOf([{ path: "Kino - Noch.zip", size: 1 }], now), undefined);
});
