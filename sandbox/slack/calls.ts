/** One Web API call of the bot, as tests count them. */
export interface Call {
  /** Milliseconds since the epoch. */
  at: number;
  method: string;
  ok: boolean;
  error: string | null;
  args: Record<string, unknown>;
}

/** The last calls, oldest first. */
export interface Calls {
  record(call: Call): void;
  since(at: number): Call[];
}

const KEEP = 2000;

/** No call at first. */
export function createCalls(): Calls {
  const calls: Call[] = [];
  return {
    record(call) {
      calls.push(call);
      if (calls.length > KEEP) calls.shift();
    },
    since: (at) => calls.filter((one) => one.at >= at),
  };
}

/** The arguments of a call, short enough to read in a list; never the token. */
export function summarise(args: Record<string, unknown>): Record<string, unknown> {
  const { token: _token, ...rest } = args;
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, shorten(value)]));
}

function shorten(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 300 ? `${value.slice(0, 299)}…` : value;
  if (Array.isArray(value)) return `${value.length} items`;
  return value;
}
