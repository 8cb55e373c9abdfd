import assert from "node:assert/strict";
import { test } from "node:test";
import { tagsOf } from "./tags";

test("an event makes untrue what it names, and every list", () => {
  const news = { type: "library:updated", entity_type: "album", entity_id: 7, album_ids: [7, 8], artist_ids: [3] };
  assert.deepEqual(tagsOf(news).sort(), ["album:7", "album:8", "artist:3", "library"]);
  assert.deepEqual(tagsOf({ type: "library:updated", entity_type: "library", entity_id: null }), ["library"]);
});
