import assert from "node:assert/strict";
import { test } from "node:test";
import { canPlay } from "./formats";

const chromium = (type: string) => !/alac|aiff/.test(type);

test("what the browser knows is played whole, all else as a short piece", () => {
  assert.ok(canPlay("FLAC", chromium));
  assert.ok(canPlay("Vorbis", chromium));
  assert.ok(!canPlay("ALAC", chromium));
  assert.ok(!canPlay("AIFF", chromium));
  assert.ok(!canPlay("WavPack", chromium));
});
