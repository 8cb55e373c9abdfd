import assert from "node:assert/strict";
import { test } from "node:test";
import { asProblem, problemOf } from "./problem";

test("a sentence of the API is the message", () => {
  const problem = problemOf(404, { code: "not_found", detail: "Album not found" }, null);
  assert.equal(problem.message, "Album not found");
  assert.equal(problem.code, "not_found");
  assert.equal(problem.isPassing, false);
});

test("fields that do not fit are named without the part of the request", () => {
  const detail = [{ loc: ["body", "ids", 0], msg: "must be a number", type: "value_error" }];
  const problem = problemOf(422, { code: "validation", detail }, null);
  assert.deepEqual(problem.fields, [{ field: "ids.0", message: "must be a number" }]);
  assert.equal(problem.message, "ids.0: must be a number");
});

test("a body that is not ours still makes a problem", () => {
  const problem = problemOf(502, null, "5");
  assert.equal(problem.message, "HTTP 502");
  assert.equal(problem.retryAfterSeconds, 5);
  assert.equal(problem.isPassing, true);
});

test("what fetch throws is a problem that passes", () => {
  assert.equal(asProblem(new TypeError("Failed to fetch")).isPassing, true);
});
