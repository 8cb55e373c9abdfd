// Damaged files, each with its ways back.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Damage } from "../api/schema";
import { spoil } from "../api/store";
import { say } from "../app/toasts";
import { Badge } from "../parts/badge";
import { confirm } from "../parts/dialog";
import { FormProblem, useSend } from "../parts/form";
import { usePages } from "../parts/pages";
import { Facts, More, Part, Row, Rows } from "../parts/rows";
import { ago } from "../parts/time";
import { words } from "../words";

const PAGE = 50;

export function DamagesPart() {
  const { health: said } = words.value;
  const list = usePages<Damage, number>(
    "damages",
    async (before, signal) => {
      const page = await api("GET /api/admin/integrity/damages", { query: { limit: PAGE, before: before ?? null }, signal });
      return { items: page.items, next: page.before };
    },
    ["integrity", "library"],
  );
  if (!list.items || list.items.length === 0) return null;
  return (
    <Part title={said.damages} hint={said.damagesHint}>
      <Rows label={said.damages}>
        {list.items.map((damage) => (
          <DamageRow key={damage.id} damage={damage} />
        ))}
      </Rows>
      <More isThere={list.hasMore} isBusy={list.isBusy} run={list.more} />
    </Part>
  );
}

function DamageRow({ damage }: { damage: Damage }) {
  const { health: said, house, locale } = words.value;
  const { isBusy, problem, send } = useSend();
  const [isOnItsWay, setOnItsWay] = useState(false);
  const path = { id: damage.id };
  const repair = () =>
    void send(async () => {
      const answer = (await api("POST /api/admin/integrity/damages/{id}/repair", { path })) as { status?: string };
      if (answer.status === "started") setOnItsWay(true);
      else say(said.repaired(damage.title), { kind: "good" });
      spoil("integrity");
    });
  const accept = () =>
    confirm({
      title: said.acceptTitle,
      text: said.acceptText,
      does: said.accept,
      run: async () => {
        await api("POST /api/admin/integrity/damages/{id}/accept", { path });
        spoil("integrity");
      },
    });
  return (
    <Row
      icon="warning"
      kind="bad"
      title={
        <>
          {damage.title} <Badge kind="bad">{said.kinds[damage.kind] ?? damage.kind}</Badge>
        </>
      }
      below={<Facts of={[damage.artist_name, damage.album_title, ago(damage.found_at, locale)]} />}
      tools={
        <>
          <button type="button" class="button small primary" disabled={isBusy || isOnItsWay} aria-label={house.of(said.repair, damage.title)} onClick={repair}>
            {said.repair}
          </button>
          {damage.kind !== "missing" && (
            <button type="button" class="button small" disabled={isBusy} aria-label={house.of(said.accept, damage.title)} onClick={accept}>
              {said.accept}
            </button>
          )}
        </>
      }
    >
      <p class="row-below">
        <code>{damage.path}</code>
      </p>
      {damage.ways.length > 0 ? (
        <ul class="row-below">
          {damage.ways.map((way) => (
            <li key={way.kind + way.place}>
              {said.ways[way.kind] ?? way.kind}: <span dir="auto">{way.place}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p class="row-below">{said.noWay}</p>
      )}
      {isOnItsWay && <p class="row-below">{said.repairing}</p>}
      <FormProblem problem={problem} />
    </Row>
  );
}
