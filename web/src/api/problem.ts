// What the API answers when it cannot: one error for people and programs.

/** A field of what was sent that does not fit. */
export interface FieldProblem {
  field: string;
  message: string;
}

export class Problem extends Error {
  constructor(
    /** Of HTTP; 0 when nothing answered. */
    readonly status: number,
    /** A stable word: `not_found`, `validation`, … */
    readonly code: string,
    message: string,
    readonly fields: FieldProblem[] = [],
    /** When trying again makes sense. */
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }

  /** Nothing answered, or only for now. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** From the body of an answer that is no success; whatever stands between may have written it. */
export function problemOf(status: number, body: unknown, retryAfter: string | null): Problem {
  const said = isRecord(body) ? body : {};
  const code = typeof said.code === "string" ? said.code : `http_${status}`;
  const fields = Array.isArray(said.detail) ? said.detail.flatMap(fieldOf) : [];
  const sentence = typeof said.detail === "string" ? said.detail : fields.map((f) => `${f.field}: ${f.message}`).join("; ");
  const seconds = Number(retryAfter);
  return new Problem(status, code, sentence || `HTTP ${status}`, fields, retryAfter && seconds >= 0 ? seconds : null);
}

function fieldOf(one: unknown): FieldProblem[] {
  if (!isRecord(one) || typeof one.msg !== "string") return [];
  const steps = Array.isArray(one.loc) ? one.loc.slice(1) : [];
  return [{ field: steps.join(".") || "request", message: one.msg }];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Any thrown thing as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "unreachable", error instanceof Error ? error.message : String(error));
}
