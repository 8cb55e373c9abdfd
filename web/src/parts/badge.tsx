// Badges: quality and source, in a word.

import type { ComponentChildren } from "preact";
import { words } from "../words";
import { qualityOf, type Sound } from "./quality";

export function Badge({ children, kind = "", title }: { children: ComponentChildren; kind?: string; title?: string }) {
  return (
    <span class={`badge ${kind}`} title={title}>
      {children}
    </span>
  );
}

/** `24/192`, `16/44.1`, `lossy`. */
export function QualityBadge({ sounds }: { sounds: Sound[] }) {
  const quality = qualityOf(sounds);
  if (!quality) return null;
  const { quality: said } = words.value;
  if (quality.kind === "lossy") {
    return (
      <Badge kind="lossy" title={said.lossyHint}>
        {said.lossy}
      </Badge>
    );
  }
  return (
    <Badge kind={quality.kind} title={said.hint}>
      {quality.kind === "mixed" ? said.mixed : quality.text}
    </Badge>
  );
}

export function SourceBadge({ source }: { source: string | null | undefined }) {
  if (!source) return null;
  return <Badge kind="source">{words.value.sources[source] ?? source}</Badge>;
}
