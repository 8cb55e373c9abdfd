// A picture: a cover or a portrait, square, with something to look at when there is none.

import { useState } from "preact/hooks";
import { addressOf } from "../api/address";
import { coverCame } from "../app/idle";

export interface CoverOf {
  thing: "album" | "artist";
  id: number;
  /** For the letters on a picture that is not there. */
  name: string;
  /** Where the picture lies; none: there is none. */
  artwork: string | null | undefined;
  /** Names its content. */
  version: string | null | undefined;
}

/** So large as it is shown, in CSS pixels: the browser picks the file by it. */
export function Cover({ of, pixels, isEager = false }: { of: CoverOf; pixels: number; isEager?: boolean }) {
  const key = `${of.thing}:${of.id}:${of.artwork ?? ""}:${of.version ?? ""}`;
  const [broken, setBroken] = useState("");
  // An artist without a portrait is shown by a cover, which has a version too.
  const hasPicture = (of.artwork || of.version) && broken !== key;
  return (
    <span class={`cover ${of.thing} ${hasPicture ? "" : "is-lettered"}`} style={{ "--hue": String(hueOf(of.name)) }}>
      {hasPicture ? (
        <img
          key={key}
          src={pictureOf(of, 600)}
          srcset={`${pictureOf(of, 200)} 200w, ${pictureOf(of, 600)} 600w`}
          sizes={`${Math.round(pixels)}px`}
          width={pixels}
          height={pixels}
          alt=""
          loading={isEager ? "eager" : "lazy"}
          fetchpriority={isEager ? "high" : "auto"}
          decoding="async"
          draggable={false}
          onLoad={coverCame}
          onError={() => setBroken(key)}
        />
      ) : (
        // Drawn, not written: they are no part of any name.
        <span class="cover-letters" data-letters={initialsOf(of.name)} />
      )}
    </span>
  );
}

/** The address of a picture, 200 or 600 pixels wide; with its version it is fetched once and kept for good. */
export function pictureOf(of: CoverOf, size: 200 | 600): string {
  return addressOf(`/api/${of.thing}s/${of.id}/artwork`, {}, { size, v: of.version });
}

/** Two letters of a name in any script. */
export function initialsOf(name: string): string {
  const letters = name
    .split(/\s+/)
    .map((word) => [...word].find((c) => /[\p{L}\p{N}]/u.test(c)))
    .filter((c) => c !== undefined);
  return letters.slice(0, 2).join("").toUpperCase() || "♪";
}

/** A colour that always belongs to the same name. */
export function hueOf(name: string): number {
  let sum = 7;
  for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 360;
  return sum;
}
