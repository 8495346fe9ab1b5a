import type { LockNode, LockRoot, LockTreeReport } from '../probes/lock-tree.ts';
import { type Case, shareOf, type Verdict } from './cause-rule.ts';
import type { Evidence } from './diagnosis.ts';
import type { Facts } from './facts.ts';
import { inFlightAt, lockWaitByRoot, withQueue } from './ledger.ts';
import { count, decimal, duration, sessionName } from './words.ts';

/** A session that requests wait for. */
export interface Blocker {
  root: LockRoot;
  session: LockNode;
  /** Sessions of the application that wait under it, and not for a schema change that itself waits. */
  victims: LockNode[];
  /** So many wait under it, whoever they are, that the server has no connection left for requests. */
  fillsServer: boolean;
}

/**
 * Roots of these classes that requests wait for: one of them long enough, or so many in turn that at any moment of the
 * window somebody waited. The application's own time-out may end each single wait before the threshold. `young` takes the
 * holder that has only just followed others, too: whoever asks for it must not offer to end that one.
 */
export function blockersOf(
  { facts, ledger }: Case,
  classes: readonly LockRoot['class'][],
  young = false,
): Blocker[] {
  const tree = facts.reports['lock-tree'];
  if (!tree) return [];
  const { lockWaitMs } = facts.service.thresholds;
  const byRoot = lockWaitByRoot(facts, ledger);
  return tree.roots
    .filter((root) => classes.includes(root.class))
    .flatMap((root) => {
      const session = tree.nodes.find(({ pid }) => pid === root.pid);
      const fillsServer = takesTheSlots(facts, root);
      const victims = fillsServer
        ? tree.nodes.filter(({ pid }) => root.waiters.includes(pid))
        : victimsOf(facts, tree, root.pid);
      const longEnough = victims.some((node) => (node.waitMs ?? 0) >= lockWaitMs);
      const heldMs = Math.max(session?.stateAgeMs ?? 0, session?.xactAgeMs ?? 0);
      const allTheTime = (young || heldMs >= lockWaitMs) && (byRoot.get(root.pid) ?? 0) >= 1;
      return session && victims.length > 0 && (longEnough || allTheTime)
        ? [{ root, session, victims, fillsServer }]
        : [];
    })
    .sort((a, b) => b.victims.length - a.victims.length || a.root.pid - b.root.pid);
}

/** The slots are used up, and most of those that hold one wait under this root: requests do not even get that far. */
function takesTheSlots({ reports, service }: Facts, { waiters }: LockRoot): boolean {
  const pool = reports['connection-pool'];
  if (!pool || pool.usedRatio < service.thresholds.connectionsCriticalRatio) return false;
  return waiters.length > MOST_OF_SLOTS * pool.used;
}

/** From here on, the sessions that wait are more than all others together. */
const MOST_OF_SLOTS = 0.5;

/** Requests that wait for the locks of this pid; those behind a waiting schema change wait for that instead. */
export function victimsOf(facts: Facts, tree: LockTreeReport, pid: number): LockNode[] {
  const heads = new Set(tree.queueHeads.map((head) => head.pid));
  const reached = new Set<number>([pid]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const node of tree.nodes) {
      if (reached.has(node.pid) || heads.has(node.pid)) continue;
      if (!node.blockedBy.some((blocker) => reached.has(blocker))) continue;
      reached.add(node.pid);
      grew = true;
    }
  }
  return tree.nodes.filter((node) => node.pid !== pid && reached.has(node.pid) && isRequest(facts, node));
}

/** Requests that wait for a schema change and would go on without it, by the root or not. */
export function behindSchemaChange(facts: Facts, tree: LockTreeReport): LockNode[] {
  const direct = new Set(
    tree.roots.flatMap((root) => victimsOf(facts, tree, root.pid)).map((node) => node.pid),
  );
  const heads = new Set(tree.queueHeads.map((head) => head.pid));
  return tree.nodes.filter(
    (node) =>
      node.blockedBy.length > 0 && !heads.has(node.pid) && !direct.has(node.pid) && isRequest(facts, node),
  );
}

const isRequest = (facts: Facts, node: LockNode) => facts.isApplication(node.role);

/** The requests in flight that wait for locks, as far as these sessions are among the waiters. */
export function lockWaitOf({ facts, ledger }: Case, victims: readonly LockNode[]): number {
  const waiters = (facts.reports['lock-tree']?.nodes ?? []).filter(
    (node) => node.blockedBy.length > 0 && isRequest(facts, node),
  );
  const some = new Set(victims.filter((node) => isRequest(facts, node)).map((node) => node.pid)).size;
  return waiters.length > 0 ? (inFlightAt(ledger, 'lock-wait') * some) / waiters.length : 0;
}

/** The requests in flight that these blockers explain; one that waits under two of them counts once. */
export function blockedInFlight(the: Case, blockers: readonly Blocker[]): number {
  return lockWaitOf(
    the,
    blockers.flatMap(({ victims }) => victims),
  );
}

/** The part of the requests that these blockers explain: those that wait, or those that are refused for want of a slot. */
export function blockedShare(the: Case, blockers: readonly Blocker[]): number | null {
  const share = shareOf(withQueue(blockedInFlight(the, blockers), the.ledger), the.ledger);
  if (!blockers.some(({ fillsServer }) => fillsServer)) return share;
  return Math.max(share ?? 0, the.symptoms.errorRate ?? 0);
}

/** How long the longest of them has been waiting. */
export const longestWaitMs = (victims: readonly LockNode[]): number =>
  Math.max(0, ...victims.map((victim) => victim.waitMs ?? 0));

/** The table that is waited for; a waiter on a row does not always know it, the holder does. */
export function tableOf(victims: readonly LockNode[], held: LockRoot['held'] = []): string | null {
  const wanted = victims.flatMap((victim) => victim.relation ?? []);
  const times = (name: string) => wanted.filter((other) => other === name).length;
  const [most] = [...new Set(wanted)].sort((a, b) => times(b) - times(a) || a.localeCompare(b));
  return most ?? held.find(({ mode }) => mode !== 'AccessShareLock')?.relation ?? null;
}

/** What speaks for one blocker: who waits, what it does, and what it holds. */
export function blockerEvidence({ root, session, victims }: Blocker): Evidence[] {
  const longestMs = longestWaitMs(victims);
  const evidence: Evidence[] = [
    {
      text: `${count(root.waiters.length, 'session waits', 'sessions wait')} under ${sessionName(session)}, the longest for ${duration(longestMs)}`,
      data: { pid: root.pid, waiters: root.waiters, longestWaitMs: longestMs, drain: root.drain },
    },
  ];
  if (session.xactAgeMs !== null) {
    const { xactAgeMs, stateAgeMs, queryAgeMs, query } = session;
    const doing = session.state === 'active' ? 'it is running' : 'its last statement was';
    evidence.push({
      text: `its transaction has been open for ${duration(xactAgeMs)}; ${doing}: ${query.text}`,
      data: { pid: root.pid, xactAgeMs, stateAgeMs, queryAgeMs, query },
    });
  }
  const held = root.held.map(({ relation, mode }) => `${relation} (${mode})`);
  if (held.length > 0) {
    evidence.push({ text: `it holds locks on ${held.slice(0, 5).join(', ')}`, data: { held: root.held } });
  }
  return evidence;
}

/** Busy sessions that waited for a lock, on average over the window: a second look beside the lock tree. */
export function lockWaitsSampled({ facts }: Case): number {
  const rows = facts.reports['active-queries']?.activity ?? [];
  return rows.filter(({ waitType }) => waitType === 'Lock').reduce((sum, row) => sum + row.averageActive, 0);
}

/** Lock waits as the samples of pg_stat_activity saw them. */
export function sampledEvidence(the: Case): Verdict['evidence'] {
  const active = the.facts.reports['active-queries'];
  if (!active || active.totalActive === 0) return [];
  const waiting = lockWaitsSampled(the);
  return [
    {
      text: `on average ${decimal(waiting)} of ${decimal(active.totalActive)} busy sessions waited for a lock (${active.samples} samples)`,
      data: { lockWaiting: waiting, totalActive: active.totalActive, samples: active.samples },
    },
  ];
}
