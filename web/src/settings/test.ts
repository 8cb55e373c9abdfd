// Trying a service as it is set.

import { ask } from "../api/client";
import { Problem } from "../api/problem";
import { words } from "../words";

interface Answer {
  connected?: boolean;
  version?: string | null;
  error?: string | null;
}

/** Its version, if it tells; what it said otherwise is thrown. */
export async function testService(name: string): Promise<string> {
  const answer = (await ask(`/api/settings/test/${name}`, { method: "POST", credentials: "same-origin" })) as Answer;
  if (!answer.connected) throw new Problem(502, "no_answer", answer.error ?? words.value.settings.noAnswer);
  return answer.version ?? "";
}
