import assert from "node:assert/strict";
import { test } from "node:test";
import { askedOf, hasFilters, isByName, parametersOf } from "./asked";

test("an address is a list, and what it does not know is left out", () => {
  const asked = askedOf(new URLSearchParams("sort=year&lossy=true&hires=no&source=qobuz&evil=1"));
  assert.deepEqual(asked, { sort: "year", on: ["lossy"], source: "qobuz" });
  assert.deepEqual(parametersOf(asked), { sort: "year", lossy: "true", source: "qobuz" });
  assert.equal(isByName(asked), false);
  assert.deepEqual(parametersOf(askedOf(new URLSearchParams(), "loved")), {});
});

test("nothing said is everything by title", () => {
  const asked = askedOf(new URLSearchParams("sort=size"));
  assert.deepEqual(parametersOf(asked), { sort: "title" });
  assert.equal(hasFilters(asked), false);
});
