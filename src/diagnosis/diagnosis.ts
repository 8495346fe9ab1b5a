import { z } from 'zod';

/** Where a request in flight can be waiting (design, section 2). */
export const PLACES = [
  'worker-queue',
  'pool-wait',
  'lock-wait',
  'db-io',
  'db-cpu',
  'redis',
  'app-cpu',
  'outside',
  'unknown',
] as const;
export type Place = (typeof PLACES)[number];

/** Average number of requests that were at each place during the window. Adds up to `totalInFlight`. */
export const Ledger = z.object({
  totalInFlight: z.number(),
  entries: z.array(z.object({ place: z.enum(PLACES), inFlight: z.number() })),
  /** Places that no probe could see in this run, and why. Their share is inside `unknown`. */
  blind: z.array(z.object({ place: z.enum(PLACES), reason: z.string() })),
  /** How far the two ways of counting agree: requests in flight from completed requests, and from sampled states. */
  fromCompletions: z.number().nullable(),
  fromStates: z.number().nullable(),
  /** Whose states were sampled: busy workers, or busy sessions of the database. */
  statesOf: z.enum(['workers', 'database']).nullable(),
});
export type Ledger = z.infer<typeof Ledger>;

export const ViewLatency = z.object({
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  rps: z.number(),
  errorRate: z.number().nullable(),
});
export type ViewLatency = z.infer<typeof ViewLatency>;

/** Latency of the API in the window; null where nothing was measured. */
export const Scope = ViewLatency.extend({
  rps: z.number().nullable(),
  /** Average wait of a request before a worker takes it, which the latencies do not contain; null when not seen. */
  queueMs: z.number().nullable(),
  byView: z.record(z.string(), ViewLatency),
});
export type Scope = z.infer<typeof Scope>;

export const Evidence = z.object({ text: z.string(), data: z.record(z.string(), z.unknown()) });
export type Evidence = z.infer<typeof Evidence>;

/** A mitigation worth offering for a cause: the exact target and what the act would do, as seen in this run. */
export const Proposal = z.object({
  kind: z.string(),
  /** One line for a button's neighbourhood: "Terminate pid 4242 (celery: reconcile_payments)". */
  title: z.string(),
  risk: z.enum(['low', 'medium', 'high']),
  target: z.record(z.string(), z.unknown()),
  dryRun: z.record(z.string(), z.unknown()),
});
export type Proposal = z.infer<typeof Proposal>;

/** The verdict on one cause. `found` are ranked by the share of the ledger they explain times their specificity. */
export const Cause = z.object({
  id: z.string(),
  status: z.enum(['found', 'ruled-out', 'could-not-look']),
  /** Share of the requests in flight that this cause explains, 0 to 1; null when unknown or not found. */
  share: z.number().nullable(),
  /** 0.9 proven, 0.6 likely, 0.3 possible (reference: ranking logic); null when not found. */
  confidence: z.number().nullable(),
  /** One sentence that a tired person understands. Plain text, no mark-up. */
  summary: z.string(),
  evidence: z.array(Evidence),
  against: z.array(Evidence),
  /** The cause that explains this one. */
  consequenceOf: z.string().optional(),
  mitigations: z.array(Proposal),
  /** Advice to paste or to do by hand; never executed by the bot. */
  advice: z.array(z.string()),
});
export type Cause = z.infer<typeof Cause>;

export const Diagnosis = z.object({
  verdict: z.enum(['healthy', 'cause-found', 'no-cause-proven']),
  severity: z.enum(['P1', 'P2', 'none']),
  severityReason: z.string(),
  scope: Scope,
  ledger: Ledger,
  /** Found first (ranked), then could-not-look, then ruled-out; `healthy` and `no-cause-proven` are entries too. */
  causes: z.array(Cause),
});
export type Diagnosis = z.infer<typeof Diagnosis>;
