// Trying a service as it is set.

import { api } from "../api/client";
import { Problem } from "../api/problem";
import { words } from "../words";

const TESTS = {
  lidarr: () => api("POST /api/settings/test/lidarr"),
  plex: () => api("POST /api/settings/test/plex"),
  jellyfin: () => api("POST /api/settings/test/jellyfin"),
  navidrome: () => api("POST /api/settings/test/navidrome"),
};

/** A service that can be tried. */
export type Service = keyof typeof TESTS;

export function isService(name: string): name is Service {
  return name in TESTS;
}

/** Its version, if it tells; what it said otherwise is thrown. */
export async function testService(name: Service): Promise<string> {
  const answer = await TESTS[name]();
  if (!answer.connected) throw new Problem(502, "no_answer", answer.error ?? words.value.settings.noAnswer);
  return answer.version ?? "";
}
