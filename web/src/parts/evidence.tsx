// Why something was taken for what it is: field by field, who says so, and how much doubt is left.

import type { Evidence } from "../api/schema";
import { words } from "../words";

export function EvidenceList({ evidence }: { evidence: Evidence[] }) {
  const { evidence: said } = words.value;
  return (
    <table class="evidence">
      <thead>
        <tr>
          <th scope="col">{said.field}</th>
          <th scope="col">{said.says}</th>
          <th scope="col">{said.witness}</th>
          <th scope="col">{said.sure}</th>
        </tr>
      </thead>
      <tbody>
        {evidence.map((one, n) => (
          <tr key={n}>
            <th scope="row">{said.fields[one.field] ?? one.field}</th>
            <td dir="auto">
              {one.value}
              {one.note && <span class="muted small"> {one.note}</span>}
            </td>
            <td>{said.witnesses[one.witness] ?? one.witness}</td>
            <td class={`number ${one.factor < 0.85 ? "is-doubt" : ""}`}>{Math.round(one.factor * 100)} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
