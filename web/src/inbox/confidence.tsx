// How sure an identification is.

import { Progress } from "../parts/rows";
import { words } from "../words";

export function Confidence({ of }: { of: number | null }) {
  if (of === null) return null;
  const percent = Math.round(of * 100);
  return (
    <span class="confidence">
      <Progress percent={percent} label={words.value.inbox.confidence} /> {words.value.inbox.sure(percent)}
    </span>
  );
}
