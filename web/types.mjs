// Types of the API, made from its OpenAPI document: `node types.mjs DOCUMENT` writes src/api/schema.ts.
// `--check` writes nothing and fails when the file is not what the document says. DOCUMENT is a file, an address, or `-`.

import { readFile, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const TARGET = fileURLToPath(new URL("src/api/schema.ts", import.meta.url));

const isCheck = process.argv.includes("--check");
const source = process.argv.slice(2).find((argument) => !argument.startsWith("--"));
if (!source) {
  console.error("say which document: node types.mjs [--check] FILE|ADDRESS|-");
  process.exit(2);
}
const made = madeFrom(JSON.parse(await read(source)));
if (!isCheck) {
  await writeFile(TARGET, made);
} else if (made !== (await readFile(TARGET, "utf8").catch(() => ""))) {
  console.error("web/src/api/schema.ts is not what the API's document says: run `npm run types -- DOCUMENT` in web/");
  process.exit(1);
}

async function read(from) {
  if (from === "-") return text(process.stdin);
  if (!/^https?:/.test(from)) return readFile(from, "utf8");
  const answer = await fetch(from);
  if (!answer.ok) throw new Error(`${from}: ${answer.status}`);
  return answer.text();
}

function madeFrom(document) {
  const lines = ["// Made by `npm run types` from the API's OpenAPI document. Not written by hand.", ""];
  const schemas = Object.entries(document.components.schemas).sort(byName);
  for (const [name, schema] of schemas) {
    if (schema.description) lines.push(`/** ${oneLine(schema.description)} */`);
    lines.push(`export type ${typeName(name)} = ${typeOf(schema, "")};`, "");
  }
  lines.push("/** Every route: what goes with a request, and what comes back. */", "export interface Routes {");
  for (const [path, item] of Object.entries(document.paths).sort(byName)) {
    for (const [method, operation] of Object.entries(item).sort(byName)) {
      if (operation.summary) lines.push(`  /** ${oneLine(operation.summary)} */`);
      lines.push(`  "${method.toUpperCase()} ${path}": {`);
      lines.push(`    path: ${parameters(operation, "path")};`);
      lines.push(`    query: ${parameters(operation, "query")};`);
      lines.push(`    body: ${body(operation)};`);
      lines.push(`    answer: ${answer(operation)};`);
      lines.push("  };");
    }
  }
  lines.push("}", "");
  return lines.join("\n");
}

function byName([a], [b]) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function oneLine(text) {
  return text.replace(/\s+/g, " ").replaceAll("*/", "* /").trim();
}

function typeName(name) {
  return name.replace(/[^A-Za-z0-9_]/g, "_");
}

function parameters(operation, place) {
  const found = (operation.parameters ?? []).filter((p) => p.in === place);
  if (found.length === 0) return "Record<never, never>";
  const parts = found.map((p) => {
    const optional = place === "query" && !p.required ? "?" : "";
    const kind = typeOf(p.schema ?? {}, "    ");
    return `${key(p.name)}${optional}: ${optional && !kind.includes("null") ? `${kind} | null` : kind}`;
  });
  return `{ ${parts.join("; ")} }`;
}

function body(operation) {
  const content = operation.requestBody?.content;
  if (!content) return "undefined";
  const json = content["application/json"];
  if (!json) return "FormData | Blob";
  return typeOf(json.schema, "    ");
}

/** What a success says: of several, any. */
function answer(operation) {
  const kinds = new Set();
  for (const [status, response] of Object.entries(operation.responses ?? {})) {
    if (!status.startsWith("2")) continue;
    const content = response.content;
    const json = content?.["application/json"];
    kinds.add(json ? typeOf(json.schema ?? {}, "    ") : content ? "Blob" : "undefined");
  }
  return kinds.size === 0 ? "undefined" : [...kinds].join(" | ");
}

function key(name) {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : JSON.stringify(name);
}

function typeOf(schema, indent) {
  if (schema === true || schema === undefined) return "unknown";
  if (schema.$ref) return typeName(schema.$ref.split("/").pop());
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  for (const word of ["oneOf", "anyOf"]) {
    if (schema[word]) return several(schema[word].map((one) => typeOf(one, indent)), " | ");
  }
  if (schema.allOf) return several(schema.allOf.map((one) => typeOf(one, indent)), " & ");
  if (Array.isArray(schema.type)) {
    return several(schema.type.map((type) => typeOf({ ...schema, type }, indent)), " | ");
  }
  switch (schema.type) {
    case "null":
      return "null";
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return "number";
    case "string":
      return "string";
    case "array":
      return `${wrapped(typeOf(schema.items, indent))}[]`;
    case "object":
      return object(schema, indent);
    default:
      return schema.properties ? object(schema, indent) : "unknown";
  }
}

function several(kinds, between) {
  const distinct = [...new Set(kinds)];
  return distinct.map((kind) => (distinct.length > 1 ? wrapped(kind) : kind)).join(between);
}

function wrapped(kind) {
  return /[|&]/.test(kind) && !kind.startsWith("{") ? `(${kind})` : kind;
}

function object(schema, indent) {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) {
    const values = schema.additionalProperties;
    return `Record<string, ${values && values !== true ? typeOf(values, indent) : "unknown"}>`;
  }
  const inner = `${indent}  `;
  const lines = ["{"];
  for (const [name, field] of fields) {
    if (field.description) lines.push(`${inner}/** ${oneLine(field.description)} */`);
    const kind = typeOf(field, inner);
    const isRequired = schema.required?.includes(name);
    lines.push(`${inner}${key(name)}${isRequired ? "" : "?"}: ${isRequired || kind.endsWith("null") ? kind : `${kind} | undefined`};`);
  }
  lines.push(`${indent}}`);
  return lines.join("\n");
}
