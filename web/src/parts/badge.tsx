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

/** `24/192`, `16/44.1`, `lossy`; a lossy track that fills a gap says so. */
export function QualityBadge({ sounds, isFilling = false }: { sounds: Sound[]; isFilling?: boolean }) {
  const quality = qualityOf(sounds);
  if (!quality) return null;
  const { quality: said } = words.value;
  if (quality.kind === "lossy") {
    return (
      <Badge kind="lossy" title={isFilling ? said.fillingHint : said.lossyHint}>
        {isFilling ? said.filling : said.lossy}
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
