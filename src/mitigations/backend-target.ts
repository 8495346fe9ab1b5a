import { z } from 'zod';
import { drain, waitersUnder } from '../probes/lock-graph.ts';
import type { LockNode } from '../probes/lock-tree.ts';
import { BackendRef, SafeQuery, type Session } from '../targets/backend.ts';

/** One session as it was when the act was proposed: what was approved, and what must still be true. */
export const BackendTarget = BackendRef.extend({
  application: z.string(),
  role: z.string(),
  database: z.string(),
  query: SafeQuery,
  /** How long it had been in its state (idle) or in its statement (active), in milliseconds. */
  ageMs: z.number().nullable(),
  /** Only for terminate: the session is active, and a cancel of this very statement did not take effect. */
  afterCancel: z.boolean().default(false),
});
export type BackendTarget = z.infer<typeof BackendTarget>;

const MAX_WAITERS = 50;

/** What ending a session or its statement would set free, and what it would undo. */
export const LockRelease = z.object({
  /** Sessions that get on, by the lock tree. */
  freed: z.int(),
  /** Sessions that wait under it. */
  waitersTotal: z.int(),
  waiters: z.array(
    z.object({
      pid: z.int(),
      application: z.string(),
      waitMs: z.number().nullable(),
      relation: z.string().nullable(),
    }),
  ),
  /** Age of the transaction whose work is rolled back, in milliseconds; null outside a transaction. */
  rollsBackMs: z.number().nullable(),
});
export type LockRelease = z.infer<typeof LockRelease>;

/** The snapshot of a session that a proposal carries. */
export function backendTarget(session: Session): BackendTarget {
  const { pid, backendStart, xactStart, queryStart, stateChange, state, queryId } = session;
  const { application, role, database, query } = session;
  return {
    ...{ pid, backendStart, xactStart, queryStart, stateChange, state, queryId },
    ...{ application, role, database, query },
    ageMs: state === 'active' ? session.queryAgeMs : session.stateAgeMs,
    afterCancel: false,
  };
}

/** The dry run: the part of the lock tree under this session. */
export function lockRelease(pid: number, xactAgeMs: number | null, nodes: readonly LockNode[]): LockRelease {
  const under = new Set(waitersUnder(nodes, pid));
  const waiters = nodes
    .filter((node) => under.has(node.pid))
    .sort((a, b) => (b.waitMs ?? 0) - (a.waitMs ?? 0));
  return {
    freed: drain(nodes, pid),
    waitersTotal: waiters.length,
    waiters: waiters
      .slice(0, MAX_WAITERS)
      .map(({ pid, application, waitMs, relation }) => ({ pid, application, waitMs, relation })),
    rollsBackMs: xactAgeMs,
  };
}
