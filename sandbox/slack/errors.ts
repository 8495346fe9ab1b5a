import { type Problem, problemLines } from './validate/problem.ts';

/** A refusal in the form of the Web API: HTTP 200, `ok: false` and a code. */
export class SlackError extends Error {
  override readonly name = 'SlackError';
  readonly code: string;
  readonly extra: Record<string, unknown>;

  constructor(code: string, extra: Record<string, unknown> = {}) {
    super(code);
    this.code = code;
    this.extra = extra;
  }
}

/** A refusal with the reasons that a validator found. */
export function refusedPayload(code: string, problems: Problem[]): SlackError {
  if (problems.length === 0) return new SlackError(code);
  const lines = problemLines(problems);
  return new SlackError(code, {
    errors: problems.map((one) => `${one.message} [json-pointer:${one.pointer}]`),
    response_metadata: { messages: lines },
  });
}
