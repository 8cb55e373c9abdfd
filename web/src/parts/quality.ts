// How good a sound is, in as few signs as possible.

export interface Sound {
  is_lossy: boolean;
  bit_depth?: number | null;
  sample_rate?: number | null;
}

export interface Quality {
  kind: "lossy" | "hires" | "lossless" | "mixed";
  /** `16/44.1` */
  text: string;
}

/** Of a track, or of an album's tracks; nothing when nothing is known. A single lossy track makes a lossless album mixed. */
export function qualityOf(sounds: Sound[]): Quality | undefined {
  if (sounds.length === 0) return undefined;
  const lossy = sounds.filter((sound) => sound.is_lossy).length;
  if (lossy === sounds.length) return { kind: "lossy", text: "" };
  if (lossy > 0) return { kind: "mixed", text: "" };
  // The least of them is what one can rely on.
  const bits = Math.min(...sounds.map((sound) => sound.bit_depth ?? Infinity));
  const hz = Math.min(...sounds.map((sound) => sound.sample_rate ?? Infinity));
  if (!Number.isFinite(hz)) return undefined;
  const kind = (Number.isFinite(bits) && bits > 16) || hz > 48_000 ? "hires" : "lossless";
  return { kind, text: Number.isFinite(bits) ? `${bits}/${kiloHertz(hz)}` : `${kiloHertz(hz)} kHz` };
}

/** 44100 → `44.1`, 96000 → `96`. */
export function kiloHertz(hz: number): string {
  return String(Math.round(hz / 100) / 10);
}
