/**
 * Every error the bot raises on purpose. `userMessage` may be shown in Slack or on a terminal: it says what was
 * being done and what to do next, and never holds SQL, a DSN, a token or raw upstream text. The log gets the
 * error in full, with its `cause`.
 */
export type ErrorCode =
  | 'config-invalid'
  | 'embedded-postgres'
  | 'port-taken'
  | 'store-unreachable'
  | 'store-migration'
  | 'queue-unreachable'
  | 'slack-refused'
  | 'target-unreachable'
  | 'target-timeout'
  | 'target-permission'
  | 'target-full'
  | 'target-protocol'
  | 'not-configured'
  | 'not-found'
  | 'internal';

/** An error with a stable code and a sentence for people. */
export class BotError extends Error {
  readonly code: ErrorCode;
  readonly userMessage: string;

  constructor(code: ErrorCode, userMessage: string, options: { cause?: unknown } = {}) {
    super(userMessage, options);
    this.name = 'BotError';
    this.code = code;
    this.userMessage = userMessage;
  }
}

/** The sentence that may be shown to a person for any thrown value. */
export function userMessageOf(error: unknown): string {
  return error instanceof BotError
    ? error.userMessage
    : 'something unexpected went wrong; the log has the details';
}
