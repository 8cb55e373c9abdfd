// What an edit would change in names, folders and files, before it does.

import type { EditAnswer } from "../api/schema";
import { words } from "../words";

interface Change {
  entity: string;
  id: number;
  name: string;
  field: string;
  before: unknown;
  after: unknown;
}

interface Move {
  from: string;
  to: string;
}

/** More would not be read. */
const MOST_LINES = 60;

export function Preview({ answer }: { answer: EditAnswer }) {
  const { edits, counts } = words.value;
  const changes = (answer.changes ?? []) as Change[];
  const folders = (answer.folders ?? []) as Move[];
  const files = (answer.files ?? []) as Move[];
  // Paths are said by the folders and files, and keys are nobody's to read.
  const fields = changes.filter((change) => !/path$|_key$/.test(change.field));
  if (fields.length + folders.length + files.length === 0) return <p class="muted">{edits.nothing}</p>;
  return (
    <div class="preview" aria-live="polite">
      {fields.length > 0 && (
        <table class="changes">
          <caption>{edits.rows}</caption>
          <tbody>
            {fields.slice(0, MOST_LINES).map((change) => (
              <tr key={`${change.entity}:${change.id}:${change.field}`}>
                <th scope="row" dir="auto">
                  {change.name} <span class="muted">{edits.fields[change.field] ?? change.field}</span>
                </th>
                <td dir="auto">
                  <del>{shown(change.before)}</del> <ins>{shown(change.after)}</ins>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {folders.length > 0 && <Moves title={edits.folders} moves={folders} />}
      {files.length > 0 && (
        <details>
          <summary>{edits.files(counts.files(files.length))}</summary>
          <Moves title="" moves={files.slice(0, MOST_LINES)} />
        </details>
      )}
      {(answer.notes ?? []).map((note) => (
        <p key={note} class="muted">
          {note}
        </p>
      ))}
    </div>
  );
}

function Moves({ title, moves }: { title: string; moves: Move[] }) {
  return (
    <div class="moves">
      {title && <h3>{title}</h3>}
      <ul>
        {moves.map((move) => (
          <li key={move.from} dir="auto">
            {move.from === move.to ? (
              <span>{move.to}</span>
            ) : (
              <>
                <del>{move.from}</del> <ins>{move.to}</ins>
              </>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === "") return "—";
  return typeof value === "string" ? value : JSON.stringify(value);
}
