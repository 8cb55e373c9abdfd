// As much of node's own modules as the tests need.

declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): void;
}

declare module "node:fs" {
  export function readdirSync(path: string, how: { recursive: true }): string[];
  export function readFileSync(path: string, encoding: "utf8"): string;
}

declare module "node:assert/strict" {
  const assert: {
    ok(value: unknown, message?: string): void;
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
  };
  export default assert;
}
