import assert from "node:assert/strict";
import { test } from "node:test";
import { pick, picked, pickNone } from "./choice";

const at = (n: number) => ({ id: 100 + n, title: `Album ${n}` });

test("one is picked and let go, and with shift all from the last one to this", () => {
  pick(at(5), 5, null);
  pick(at(2), 2, at);
  assert.deepEqual([...picked.value.keys()].sort(), [102, 103, 104, 105]);
  pick(at(3), 3, null);
  assert.deepEqual([...picked.value.keys()].sort(), [102, 104, 105]);
  pickNone();
  assert.equal(picked.value.size, 0);
});

test("what is not loaded yet in between is left out", () => {
  pick(at(0), 0, null);
  pick(at(3), 3, (n) => (n === 1 ? undefined : at(n)));
  assert.deepEqual([...picked.value.keys()].sort(), [100, 102, 103]);
  pickNone();
});
