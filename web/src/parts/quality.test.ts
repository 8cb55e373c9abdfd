import assert from "node:assert/strict";
import { test } from "node:test";
import { qualityOf } from "./quality";

const flac = (bit_depth: number, sample_rate: number) => ({ is_lossy: false, bit_depth, sample_rate });
const mp3 = { is_lossy: true, bit_depth: null, sample_rate: 44_100 };

test("the badge says bits and kHz", () => {
  assert.deepEqual(qualityOf([flac(16, 44_100)]), { kind: "lossless", text: "16/44.1" });
  assert.deepEqual(qualityOf([flac(24, 192_000)]), { kind: "hires", text: "24/192" });
  assert.deepEqual(qualityOf([flac(24, 96_000), flac(24, 44_100)]), { kind: "hires", text: "24/44.1" });
});

test("lossy is said, and a mixture is neither", () => {
  assert.equal(qualityOf([mp3])?.kind, "lossy");
  assert.equal(qualityOf([mp3, flac(16, 44_100)])?.kind, "mixed");
  assert.equal(qualityOf([]), undefined);
});
