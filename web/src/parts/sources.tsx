// Outside programs and services, and how each of them is.

import type { ComponentChildren } from "preact";
import type { Source } from "../api/schema";
import { words } from "../words";
import { Badge } from "./badge";
import { Facts, Row, Rows } from "./rows";
import { ago } from "./time";

const KINDS: Record<string, "good" | "bad"> = { ok: "good", down: "bad" };

export function SourceRows({ all, tools }: { all: Source[]; tools?: (one: Source) => ComponentChildren }) {
  const { health: said, locale } = words.value;
  return (
    <Rows label={said.sources}>
      {all.map((one) => (
        <Row
          key={one.name}
          icon="link"
          kind={KINDS[one.state]}
          title={
            <>
              {one.title} <Badge kind={KINDS[one.state] ?? ""}>{said.sourceStates[one.state] ?? one.state}</Badge>
            </>
          }
          below={<Facts of={[said.purposes[one.name] ?? one.purpose, one.version, one.since && said.since(ago(one.since, locale))]} />}
          tools={tools?.(one)}
        >
          {one.why && one.state !== "ok" && <p class={one.state === "down" ? "row-problem" : "row-below"}>{one.why}</p>}
        </Row>
      ))}
    </Rows>
  );
}
