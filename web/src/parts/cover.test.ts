import assert from "node:assert/strict";
import { test } from "node:test";
import { hueOf, initialsOf } from "./cover";

test("letters stand for a name in any script", () => {
  assert.equal(initialsOf("Sigur Rós"), "SR");
  assert.equal(initialsOf("“Weird Al” Example"), "WA");
  assert.equal(initialsOf("椎名林檎"), "椎");
  assert.equal(initialsOf("!!!"), "♪");
  assert.equal(initialsOf("<script>alert(1)</script>"), "S");
});

test("a name always has the same colour", () => {
  assert.equal(hueOf("Кино"), hueOf("Кино"));
  assert.ok(hueOf("") >= 0 && hueOf("×××") < 360);
});
