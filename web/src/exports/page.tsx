// Exports: one's own music on a drive or in a zip.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { Export } from "../api/schema";
import { spoil, useResource } from "../api/store";
import { me } from "../app/session";
import { sayProblem } from "../app/toasts";
import { Badge } from "../parts/badge";
import { Empty, Failed, SkeletonLines } from "../parts/empty";
import { PageHead } from "../parts/head";
import { Icon } from "../parts/icon";
import { Facts, Progress, Row, Rows } from "../parts/rows";
import { ago, bytes, clock } from "../parts/time";
import { words } from "../words";
import { NewExport } from "./new";
import { asOfNow } from "./progress";

export function ExportsPage() {
  const { exports: said } = words.value;
  const [isAsking, setAsking] = useState(false);
  const found = useResource("exports", (signal) => api("GET /api/exports", { signal }), ["exports"]);
  const all = found.data.value;
  const begin = (
    <button type="button" class="button primary" onClick={() => setAsking(true)}>
      <Icon name="plus" size={18} /> {said.new}
    </button>
  );
  return (
    <div class="narrow">
      <PageHead title={said.page}>{all && all.length > 0 && begin}</PageHead>
      {!all && (found.error.value ? <Failed problem={found.error.value} again={() => void found.refresh()} /> : <SkeletonLines />)}
      {all?.length === 0 && (
        <Empty icon="export" title={said.empty} hint={said.emptyHint}>
          {begin}
        </Empty>
      )}
      {all && all.length > 0 && (
        <Rows label={said.page}>
          {all.map((row) => (
            <ExportRow key={row.id} row={row} />
          ))}
        </Rows>
      )}
      {isAsking && <NewExport close={() => setAsking(false)} />}
    </div>
  );
}

function ExportRow({ row: listed }: { row: Export }) {
  const { exports: said, counts, locale } = words.value;
  const row = asOfNow(listed);
  const isZip = row.destination === "zip";
  const name = isZip ? said.zipOf(said.formats[row.format as "flac"] ?? row.format) : row.destination;
  const isUnderWay = row.status === "running" || (row.status === "pending" && !isZip);
  const kind = row.status === "complete" ? "good" : row.status === "failed" ? "bad" : undefined;
  return (
    <Row
      icon={row.status === "complete" ? "check" : row.status === "failed" ? "warning" : "export"}
      kind={kind}
      title={
        <>
          {name} <Badge kind={kind ?? ""}>{isZip && row.status === "pending" ? said.ready : (said.states[row.status] ?? row.status)}</Badge>
        </>
      }
      below={
        <Facts
          of={[
            row.user_id !== me.value?.id && row.username,
            !isZip && (said.formats[row.format as "flac"] ?? row.format),
            row.total_albums > 0 && (isUnderWay ? said.albums(row.exported_albums, row.total_albums) : counts.albums(row.total_albums)),
            bytes(row.total_size || row.exported_size || null, locale),
            ago(row.completed_at ?? row.created_at, locale),
          ]}
        />
      }
      tools={<Tools row={row} name={name} />}
    >
      {isUnderWay && (
        <>
          <Progress percent={row.status === "running" ? row.progress : undefined} label={said.howFar(name)} />
          <span class="row-below">
            <Facts of={[`${Math.round(row.progress)} %`, row.album, row.speed && `${bytes(Number(row.speed), locale)}/s`, row.eta !== null && row.eta !== undefined && said.left(clock(row.eta))]} />
          </span>
        </>
      )}
      {row.error_message && <p class="row-problem">{row.error_message}</p>}
      <Listed title={said.problems(row.problems.length)} lines={row.problems} />
      <Listed title={said.removed(row.removed.length)} lines={row.removed} />
    </Row>
  );
}

function Listed({ title, lines }: { title: string; lines: string[] }) {
  if (lines.length === 0) return null;
  return (
    <details class="fold">
      <summary>{title}</summary>
      <ul class="output">
        {lines.map((line) => (
          <li key={line} dir="auto">
            {line}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Tools({ row, name }: { row: Export; name: string }) {
  const { exports: said, house, cancel, retry } = words.value;
  const [isBusy, setBusy] = useState(false);
  const run = async (act: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await act();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
      spoil("exports");
    }
  };
  const path = { id: row.id };
  return (
    <>
      {row.download_url && row.status !== "cancelled" && (
        <a class="button small primary" href={row.download_url} download aria-label={house.of(said.download, name)}>
          <Icon name="download" size={16} /> {said.download}
        </a>
      )}
      {["failed", "cancelled"].includes(row.status) && (
        <button type="button" class="button small" disabled={isBusy} aria-label={house.of(retry, name)} onClick={() => void run(() => api("POST /api/exports/{id}/retry", { path }))}>
          {retry}
        </button>
      )}
      {["pending", "running"].includes(row.status) && (
        <button type="button" class="button small" disabled={isBusy} aria-label={house.of(cancel, name)} onClick={() => void run(() => api("POST /api/exports/{id}/cancel", { path }))}>
          {cancel}
        </button>
      )}
    </>
  );
}
