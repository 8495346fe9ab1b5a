/** How the API was on a healthy day, averaged over samples. */
export interface ApiNorm {
  p95Ms: number;
  rps: number;
  /** Null where nothing tells failed requests from others. */
  errorRate: number | null;
  samples: number;
}

/** How one shape of statement of one role was on a healthy day. */
export interface StatementNorm {
  role: string;
  /** libpg-query fingerprint: a queryid changes with the version of PostgreSQL. */
  fingerprint: string;
  meanMs: number;
  callsPerSecond: number;
  /** Executions per request of the API; null when no request completed beside it. */
  callsPerRequest: number | null;
  /** Samples in which it ran. */
  samples: number;
}

/** What is normal for a service: healthy samples that the bot kept while no incident was open. */
export interface Baseline {
  samples: number;
  /** ISO time of the oldest hour that is kept. */
  since: string;
  api: ApiNorm | null;
  /** At this time of the day, within an hour; null when no healthy sample was kept then. */
  yesterday: ApiNorm | null;
  lastWeek: ApiNorm | null;
  statements: readonly StatementNorm[];
}

/** Fewer samples cannot say that a statement is new: it may just be rare. */
export const MIN_SAMPLES_FOR_NEW = 3;

/** What is normal for a statement; undefined when it ran in no healthy sample, or when there is none. */
export function normOf(
  baseline: Baseline | undefined,
  { role, fingerprint }: { role: string; fingerprint: string },
): StatementNorm | undefined {
  return baseline?.statements.find((norm) => norm.role === role && norm.fingerprint === fingerprint);
}
