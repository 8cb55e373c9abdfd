import assert from "node:assert/strict";
import { test } from "node:test";
import { Settle, settleMs } from "./settle";

test("a first event is followed soon, a stream of them calmly", () => {
  assert.equal(settleMs(Number.POSITIVE_INFINITY), 250);
  assert.equal(settleMs(0), 2500);
  assert.equal(settleMs(2400), 250);
});

test("many calls are one run, and none of them puts it off", async () => {
  let runs = 0;
  const ran = new Promise<void>((resolve) => {
    const settle = new Settle(() => {
      runs += 1;
      resolve();
    });
    for (let n = 0; n < 100; n += 1) settle.call();
  });
  await ran;
  assert.equal(runs, 1);
});
