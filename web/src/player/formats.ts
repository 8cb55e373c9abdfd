// Which sounds a browser plays by itself.

/** The media types of what the API calls a format; more than one where a container may hold it. */
const TYPES: Record<string, string[]> = {
  flac: ["audio/flac"],
  mp3: ["audio/mpeg"],
  aac: ['audio/mp4; codecs="mp4a.40.2"', "audio/aac"],
  m4a: ['audio/mp4; codecs="mp4a.40.2"'],
  mp4: ['audio/mp4; codecs="mp4a.40.2"'],
  alac: ['audio/mp4; codecs="alac"'],
  vorbis: ['audio/ogg; codecs="vorbis"'],
  ogg: ['audio/ogg; codecs="vorbis"'],
  opus: ['audio/ogg; codecs="opus"'],
  wav: ["audio/wav"],
  aiff: ["audio/aiff"],
};

export function canPlay(format: string, isKnown: (mediaType: string) => boolean): boolean {
  return (TYPES[format.toLowerCase()] ?? []).some(isKnown);
}
