import { z } from 'zod';

/**
 * What identifies one PostgreSQL session, and one state of it. Times are PostgreSQL's own text: a JS Date would
 * lose the microseconds and never match again.
 */
export const BackendRef = z.object({
  pid: z.int().positive(),
  backendStart: z.string(),
  xactStart: z.string().nullable(),
  queryStart: z.string().nullable(),
  stateChange: z.string().nullable(),
  state: z.string().nullable(),
  /** pg_stat_activity.query_id as text (64 bit, signed); null before PostgreSQL 14 or without compute_query_id. */
  queryId: z.string().nullable(),
});
export type BackendRef = z.infer<typeof BackendRef>;

/** A statement that may leave the process: literals are gone, or the text could not be parsed and is masked. */
export const SafeQuery = z.object({
  text: z.string(),
  /** libpg-query fingerprint; null when the text could not be parsed. */
  fingerprint: z.string().nullable(),
  how: z.enum(['parsed', 'masked', 'truncated', 'system']),
});
export type SafeQuery = z.infer<typeof SafeQuery>;

/** A session as the probes report it. Ages are in milliseconds at the moment of looking. */
export const Session = BackendRef.extend({
  application: z.string(),
  role: z.string(),
  database: z.string(),
  client: z.string().nullable(),
  backendType: z.string(),
  waitEventType: z.string().nullable(),
  waitEvent: z.string().nullable(),
  xactAgeMs: z.number().nullable(),
  queryAgeMs: z.number().nullable(),
  stateAgeMs: z.number().nullable(),
  superuser: z.boolean(),
  replication: z.boolean(),
  query: SafeQuery,
});
export type Session = z.infer<typeof Session>;
