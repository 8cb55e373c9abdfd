// Draws the OpenAPI document for people: a page for each tag, one for each shape. Everything is set as text, so what
// the document holds can never become markup.
"use strict";

const page = document.getElementById("page");
const parts = document.getElementById("parts");

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// `code` between backticks, the rest as it is.
function prose(text) {
  const pieces = (text || "").split("`");
  return make("p", {}, ...pieces.map((piece, n) => (n % 2 ? make("code", {}, piece) : piece)));
}

const nameOf = (reference) => reference.split("/").pop();
const shapeLink = (name) => make("a", { href: `#shape/${encodeURIComponent(name)}` }, name);

// A type in one line: text, array of Album, integer or null.
function type(schema) {
  const line = make("span", { class: "type" });
  const say = (inner) => {
    if (!inner || typeof inner !== "object" || Object.keys(inner).length === 0) return line.append("anything");
    if (inner.$ref) return line.append(shapeLink(nameOf(inner.$ref)));
    const several = inner.oneOf || inner.anyOf || inner.allOf;
    if (several) {
      return several.forEach((one, n) => {
        if (n) line.append(inner.allOf ? " and " : " or ");
        say(one);
      });
    }
    if (inner.enum) return line.append(inner.enum.map((value) => JSON.stringify(value)).join(" or "));
    const kinds = [].concat(inner.type || "anything");
    if (kinds.includes("array")) {
      line.append("array of ");
      say(inner.items);
      if (kinds.includes("null")) line.append(" or null");
      return undefined;
    }
    const limits = [];
    if (inner.format) limits.push(inner.format);
    if (inner.minimum !== undefined) limits.push(`from ${inner.minimum}`);
    if (inner.maximum !== undefined) limits.push(`to ${inner.maximum}`);
    if (inner.default !== undefined) limits.push(`else ${JSON.stringify(inner.default)}`);
    return line.append(kinds.join(" or ") + (limits.length ? ` (${limits.join(", ")})` : ""));
  };
  say(schema);
  return line;
}

function table(head, rows) {
  const line = (cells, cell) => make("tr", {}, ...cells.map((content) => make(cell, {}, content)));
  return make("table", {}, make("thead", {}, line(head, "th")), make("tbody", {}, ...rows.map((row) => line(row, "td"))));
}

function fields(schema, required = schema.required || []) {
  if (schema.allOf) return make("div", {}, ...schema.allOf.map((one) => (one.$ref ? make("p", {}, "All of ", type(one), ", and:") : fields(one))));
  if (!schema.properties) return type(schema);
  return table(
    ["field", "type", "meaning"],
    Object.entries(schema.properties).map(([name, field]) => [
      make("code", {}, required.includes(name) ? name : `${name}?`),
      type(field),
      prose(field.description),
    ]),
  );
}

function body(content) {
  return Object.entries(content || {}).map(([kind, media]) => make("div", {}, make("code", {}, kind), " ", type(media.schema)));
}

function route(path, method, operation) {
  const roles = [];
  if (operation["x-role"]) roles.push(operation["x-role"]);
  if ((operation.security || []).some((one) => Object.keys(one).length === 0)) roles.push("anyone");
  const section = make(
    "section",
    { class: "route", id: operation.operationId },
    make("h2", {}, make("span", { class: `method ${method}` }, method), path, ...roles.map((role) => make("span", { class: "role" }, role))),
    prose([operation.summary, operation.description].filter(Boolean).join(" ")),
  );
  if (operation.parameters && operation.parameters.length) {
    section.append(
      make("h3", {}, "Parameters"),
      table(
        ["name", "in", "type", "meaning"],
        operation.parameters.map((one) => [
          make("code", {}, one.required ? one.name : `${one.name}?`),
          one.in,
          type(one.schema),
          prose(one.description),
        ]),
      ),
    );
  }
  if (operation.requestBody) section.append(make("h3", {}, "Body"), ...body(operation.requestBody.content));
  section.append(
    make("h3", {}, "Answers"),
    table(
      ["status", "what", "body"],
      Object.entries(operation.responses).sort().map(([status, answer]) => [status, prose(answer.description), make("div", {}, ...body(answer.content))]),
    ),
  );
  return section;
}

const methods = ["get", "post", "put", "patch", "delete"];

function routesOf(contract, tag) {
  return Object.entries(contract.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method] && (item[method].tags || []).includes(tag)).map((method) => route(path, method, item[method])),
  );
}

function draw(contract) {
  const [kind, name] = decodeURIComponent(location.hash.slice(1)).split("/");
  const shapes = contract.components.schemas;
  const tag = contract.tags.find((one) => one.name === (kind === "part" ? name : ""));
  let drawn;
  if (kind === "shape" && shapes[name]) {
    drawn = [make("h1", {}, name), prose(shapes[name].description), fields(shapes[name])];
  } else if (tag) {
    drawn = [make("h1", {}, tag.name), prose(tag.description), ...routesOf(contract, tag.name)];
  } else {
    drawn = [
      make("h1", {}, `${contract.info.title} ${contract.info.version}`),
      prose(contract.info.description),
      make("p", {}, "The whole as ", make("a", { href: "/api/openapi.json" }, "an OpenAPI document"), "."),
      make("h3", {}, "Shapes"),
      make("p", {}, ...Object.keys(shapes).sort().flatMap((one) => [shapeLink(one), " "])),
    ];
  }
  page.replaceChildren(...drawn);
  for (const link of parts.querySelectorAll("a")) {
    if (tag && link.textContent === tag.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  window.scrollTo(0, 0);
}

async function begin() {
  const answer = await fetch("/api/openapi.json");
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const contract = await answer.json();
  const used = contract.tags.filter((tag) => routesOf(contract, tag.name).length);
  parts.append(...used.map((tag) => make("li", {}, make("a", { href: `#part/${encodeURIComponent(tag.name)}` }, tag.name))));
  window.addEventListener("hashchange", () => {
    draw(contract);
    page.focus();
  });
  draw(contract);
}

begin().catch((error) => page.replaceChildren(prose(`The document cannot be read: ${error.message}.`)));
