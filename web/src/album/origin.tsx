// Where an album came from, track by track, and why it was taken for what it is.

import { useState } from "preact/hooks";
import { api } from "../api/client";
import type { AlbumDetail, Import, Provenance } from "../api/schema";
import { useResource } from "../api/store";
import { SourceBadge } from "../parts/badge";
import { SkeletonLines } from "../parts/empty";
import { EvidenceList } from "../parts/evidence";
import { Icon } from "../parts/icon";
import { moment } from "../parts/time";
import { words } from "../words";
import { textOf } from "../words/problems";
import { groupsOf } from "./discs";

export function Origin({ album }: { album: AlbumDetail }) {
  const [isOpen, setOpen] = useState(false);
  const { origin, locale } = words.value;
  return (
    <section class="origin">
      <button type="button" class="button quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} size={16} /> {origin.title}
      </button>
      {isOpen && (
        <div class="card origin-inside">
          <dl class="facts">
            <dt>{origin.added}</dt>
            <dd>{moment(album.created_at, locale)}</dd>
            <dt>{origin.folder}</dt>
            <dd dir="auto">
              <code>{album.path}</code>
            </dd>
            {album.musicbrainz_id && (
              <>
                <dt>MusicBrainz</dt>
                <dd>
                  <a class="linked" href={`https://musicbrainz.org/release/${album.musicbrainz_id}`} rel="noreferrer" target="_blank">
                    {album.musicbrainz_id}
                  </a>
                </dd>
              </>
            )}
          </dl>
          <Histories id={album.id} />
          <Why id={album.id} />
        </div>
      )}
    </section>
  );
}

function Histories({ id }: { id: number }) {
  const found = useResource(
    `provenance ${id}`,
    (signal) => api("GET /api/albums/{id}/provenance", { path: { id }, signal }),
    [`album:${id}`, "library"],
  );
  const tracks = found.data.value?.tracks;
  if (!tracks) return found.error.value ? <p class="form-problem">{textOf(found.error.value)}</p> : <SkeletonLines count={4} />;
  const groups = groupsOf(tracks);
  return (
    <ul class="histories">
      {groups.map(({ of, titles }) => (
        <li key={titles.join()}>
          {groups.length > 1 && (
            <p class="small" dir="auto">
              <strong>{titles.join(", ")}</strong>
            </p>
          )}
          {of.map((one) => (
            <Arrival key={one.arrived_at} one={one} />
          ))}
        </li>
      ))}
    </ul>
  );
}

function Arrival({ one }: { one: Provenance }) {
  const { origin, locale } = words.value;
  return (
    <p class="arrival">
      <SourceBadge source={one.source} />
      <span>{moment(one.arrived_at, locale)}</span>
      {one.requested_by && <span>{origin.by(one.requested_by)}</span>}
      {one.program && (
        <span class="muted">
          {one.program} {one.program_version}
        </span>
      )}
      {one.source_url && /^https?:/.test(one.source_url) && (
        <a class="linked" href={one.source_url} rel="noreferrer noopener" target="_blank">
          {new URL(one.source_url).host}
        </a>
      )}
      {one.is_replacement && <span class="badge">{origin.better}</span>}
    </p>
  );
}

function Why({ id }: { id: number }) {
  const { origin } = words.value;
  const found = useResource(
    `imports of album ${id}`,
    (signal) => api("GET /api/import", { query: { album_id: id, limit: 5 }, signal }),
    [`album:${id}`, "imports"],
  );
  const told: Import[] = (found.data.value ?? []).filter((one) => one.evidence.length > 0);
  if (told.length === 0) return null;
  return (
    <>
      {told.map((one) => (
        <div key={one.id} class="why">
          <h3>{origin.why(Math.round((one.confidence ?? 0) * 100))}</h3>
          <EvidenceList evidence={one.evidence} />
          {one.runner_up && (
            <p class="small muted" dir="auto">
              {origin.runnerUp}: {one.runner_up.artist} – {one.runner_up.title} ({Math.round(one.runner_up.confidence * 100)} %)
            </p>
          )}
        </div>
      ))}
    </>
  );
}
