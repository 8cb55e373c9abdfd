// From src/ to dist/: bundles with content-hashed names, compressed beforehand, and a report of sizes with a limit.
// `--watch` builds again on every change, without compressing.

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

/** All script and style, as a browser fetches it. */
const MOST_COMPRESSED_BYTES = 100 * 1024;
/** Smaller files are not worth a second one. */
const LEAST_TO_COMPRESS = 256;

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = join(here, "dist");
const isWatch = process.argv.includes("--watch");

const usual = {
  absWorkingDir: here,
  bundle: true,
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  publicPath: "/assets",
  loader: { ".svg": "file" },
  charset: "utf8",
  legalComments: "none",
  minify: !isWatch,
  sourcemap: isWatch ? "inline" : false,
  metafile: true,
  logLevel: "warning",
};
const options = {
  ...usual,
  entryPoints: { app: "src/main.tsx", look: "src/look/look.css" },
  format: "esm",
  splitting: true,
  plugins: [{ name: "finish", setup: (build) => build.onEnd(finish) }],
};
/** Alone in its file: it must not wait for what it has in common with the pages. */
const early = { ...usual, entryPoints: { early: "src/early.ts" }, format: "iife" };

await rm(dist, { recursive: true, force: true });
if (isWatch) {
  await (await esbuild.context(options)).watch();
} else {
  await esbuild.build(options);
}

async function finish({ errors, metafile }) {
  if (errors.length > 0) return;
  const first = await esbuild.build(early);
  const assets = Object.entries({ ...metafile.outputs, ...first.metafile.outputs }).map(([path, output]) => ({
    name: path.slice("dist/".length),
    entry: output.entryPoint,
  }));
  const of = (entry) => `/${assets.find((asset) => asset.entry === entry).name}`;
  await mkdir(dist, { recursive: true });
  await cp(join(here, "static"), dist, { recursive: true });
  const named = { EARLY: of("src/early.ts"), SCRIPT: of("src/main.tsx"), STYLE: of("src/look/look.css") };
  // What the first script asks for is fetched beside it, not after it.
  const preload = metafile.outputs[`dist${named.SCRIPT}`].imports.filter((one) => one.kind === "import-statement");
  const links = preload.map((one) => `<link rel="modulepreload" href="${one.path.replace(/^dist/, "")}">`);
  await fill("index.html", { ...named, PRELOAD: links.join("\n    ") });
  const shell = ["/", ...assets.map((asset) => `/${asset.name}`), "/icon.svg", "/manifest.webmanifest"];
  const version = createHash("sha256").update(await readFile(join(dist, "index.html"))).digest("hex").slice(0, 12);
  await fill("sw.js", { VERSION: version, SHELL: JSON.stringify(shell) });
  await writeFile(join(dist, "third-party.txt"), await notices());
  await writeFile(join(dist, "assets.json"), `${JSON.stringify({ version, ...named, assets: assets.map((a) => a.name) }, null, 2)}\n`);
  if (!isWatch) await weigh(assets.map((asset) => asset.name));
}

/** What the packages that are bundled say of their authors and licences: the package puts it with its documents. */
async function notices() {
  const lock = JSON.parse(await readFile(join(here, "package-lock.json"), "utf8"));
  const bundled = Object.entries(lock.packages).filter(([path, one]) => path !== "" && !one.dev);
  const texts = bundled.map(async ([path, one]) => {
    const text = await readFile(join(here, path, "LICENSE"), "utf8");
    const rule = (sign) => sign.repeat(78);
    return `\n${rule("=")}\n${path.replace("node_modules/", "")} ${one.version}, in the pages: ${one.license}\n${rule("-")}\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join("");
}

/** Puts values in the place of `{{NAME}}`. */
async function fill(name, values) {
  const path = join(dist, name);
  let text = await readFile(path, "utf8");
  for (const [key, value] of Object.entries(values)) text = text.replaceAll(`{{${key}}}`, value);
  await writeFile(path, text);
}

async function weigh(assets) {
  let total = 0;
  for (const name of (await readdir(dist, { recursive: true })).sort()) {
    if (!/\.(js|css|html|svg|webmanifest)$/.test(name)) continue;
    const bytes = await readFile(join(dist, name));
    if (bytes.length < LEAST_TO_COMPRESS) continue;
    const gz = gzipSync(bytes, { level: 9 });
    await writeFile(join(dist, `${name}.gz`), gz);
    // The site serves brotli where names are for good.
    if (!assets.includes(name) || !/\.(js|css)$/.test(name)) continue;
    const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
    await writeFile(join(dist, `${name}.br`), br);
    // The larger of what browsers get: a server without brotli sends gzip.
    total += gz.length;
    console.log(`${name.padEnd(40)} ${kib(bytes.length)}  gzip ${kib(gz.length)}  brotli ${kib(br.length)}`);
  }
  console.log(`script and style: ${kib(total)} compressed of at most ${kib(MOST_COMPRESSED_BYTES)}`);
  if (total > MOST_COMPRESSED_BYTES) {
    console.error("barbossa-web: script and style are larger than a page may be");
    process.exitCode = 1;
  }
}

function kib(bytes) {
  return `${(bytes / 1024).toFixed(1).padStart(6)} KiB`;
}
