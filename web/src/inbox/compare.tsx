// The evidence side by side: what the files say, what it is taken for, what it may be instead; and why.

import type { Evidence } from "../api/schema";
import { Icon } from "../parts/icon";
import { Part } from "../parts/rows";
import { clock } from "../parts/time";
import { words } from "../words";
import { type Case, doubtOf, saidOf } from "./case";
import type { FileOf, Twin } from "./one";

export function Compare({ one }: { one: Case }) {
  const { inbox: said, evidence } = words.value;
  const rival = one.runnerUp;
  const rows: [string, string, string | number | null, string | number | null | undefined][] = [
    ["artist", evidence.fields.artist ?? "", one.artist, rival?.artist],
    ["album", evidence.fields.album ?? "", one.album, rival?.title],
    ["year", evidence.fields.year ?? "", one.year, rival?.year],
    ["track_count", evidence.fields.track_count ?? "", one.tracks, null],
  ];
  return (
    <Part title={said.compare}>
      <div class="card scroll is-tight" tabIndex={0} role="region" aria-label={said.compare}>
        <table class="table compare">
          <thead>
            <tr>
              <td />
              <th scope="col">{said.filesSay}</th>
              <th scope="col">{said.found}</th>
              {rival && <th scope="col">{said.runnerUp}</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map(([field, name, taken, other]) => (
              <tr key={field}>
                <th scope="row">{name}</th>
                <td>
                  <Said rows={saidOf(one.evidence, field).files} />
                </td>
                <td dir="auto">
                  <strong>{taken || "–"}</strong>
                  <Said rows={saidOf(one.evidence, field).found} />
                </td>
                {rival && (
                  <td dir="auto" class={other && other !== taken ? "is-other" : ""}>
                    {other || (field === "track_count" ? "" : taken) || "–"}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
          {rival && (
            <tfoot>
              <tr>
                <th scope="row">{said.confidence}</th>
                <td />
                <td>{one.confidence === null ? "–" : said.sure(Math.round(one.confidence * 100))}</td>
                <td>
                  {said.sure(Math.round(rival.confidence * 100))}
                  <small class="muted"> {rival.note}</small>
                </td>
              </tr>
            </tfoot>
          )}
        </table>
      </div>
    </Part>
  );
}

function Said({ rows }: { rows: Evidence[] }) {
  const { evidence } = words.value;
  return (
    <>
      {rows.map((row) => (
        <div key={row.witness} class="said">
          <span dir="auto">{row.value}</span> <small class="muted">{evidence.witnesses[row.witness] ?? row.witness}</small>
        </div>
      ))}
    </>
  );
}

/** Each reason to believe, and each to doubt. */
export function Why({ of }: { of: Evidence[] }) {
  const { inbox: said, evidence } = words.value;
  if (of.length === 0) return null;
  const sorted = [...of].sort((a, b) => doubtOf(b) - doubtOf(a));
  return (
    <Part title={said.reasons}>
      <ul class="card reasons">
        {sorted.map((row, n) => {
          const doubt = doubtOf(row);
          return (
            <li key={n} class={doubt > 0 ? "has-doubt" : ""}>
              <Icon name={doubt > 0 ? "warning" : "check"} size={18} />
              <span>
                <strong>{evidence.fields[row.field] ?? row.field}</strong> <span dir="auto">{row.value}</span>{" "}
                <small class="muted">{evidence.witnesses[row.witness] ?? row.witness}</small>
                {row.note && <small class="block">{row.note}</small>}
              </span>
              {doubt > 0 && <span class="number">−{doubt} %</span>}
            </li>
          );
        })}
      </ul>
    </Part>
  );
}

export function Files({ files }: { files: FileOf[] }) {
  const { inbox: said } = words.value;
  if (files.length === 0) return null;
  return (
    <Part title={said.files}>
      <div class="card scroll is-tight" tabIndex={0} role="region" aria-label={said.files}>
        <table class="table is-wide">
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">{said.file}</th>
              <th scope="col">{said.title}</th>
              <th scope="col" class="number">
                {said.length}
              </th>
              <th scope="col">{said.quality}</th>
            </tr>
          </thead>
          <tbody>
            {files.map((file) => (
              <tr key={file.name}>
                <td class="number">{file.track_number ?? ""}</td>
                <td dir="auto">{file.name}</td>
                <td dir="auto">{file.problem ? <span class="is-bad">{file.problem}</span> : [file.title, file.artist].filter(Boolean).join(" · ")}</td>
                <td class="number">{clock(file.duration)}</td>
                <td>{file.quality}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Part>
  );
}

/** What the library has in the same place. */
export function Beside({ twin }: { twin: Twin | null }) {
  const { inbox: said, counts } = words.value;
  if (!twin) return null;
  return (
    <Part title={said.beside} hint={said.besideHint}>
      <div class="card scroll is-tight" tabIndex={0} role="region" aria-label={said.beside}>
        <p class="beside">
          <a class="linked" href={`/album/${twin.id}`} dir="auto">
            {twin.title} {twin.year ? `(${twin.year})` : ""}
          </a>{" "}
          <span class="muted">{counts.tracks(twin.tracks.length)}</span>
        </p>
        <table class="table">
          <tbody>
            {twin.tracks.map((track) => (
              <tr key={track.id}>
                <td class="number">{track.track_number}</td>
                <td dir="auto">{track.title}</td>
                <td class="number">{clock(track.duration)}</td>
                <td>{track.quality}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Part>
  );
}
