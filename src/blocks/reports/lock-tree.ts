import { count, sessionName } from '../../diagnosis/words.ts';
import type { LockNode, LockRoot, LockTreeReport } from '../../probes/lock-tree.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { milliseconds } from '../text.ts';

const MAX_ROWS = 6;
const MAX_NAMED = 3;

const CLASS_WORDS: Record<LockRoot['class'], string> = {
  'idle-in-transaction': 'idle in transaction',
  active: 'running a statement',
  'running-ddl': 'changing a table',
  autovacuum: 'autovacuum',
  'wraparound-vacuum': 'autovacuum to prevent wraparound',
  'prepared-transaction': 'prepared transaction',
  other: 'other',
};

/** Who waits for whose locks. */
export function lockTreeBlocks(report: LockTreeReport): MessageBlock[] {
  return [
    rich(span(sentence(report), { bold: true })),
    ...rootTable(report),
    ...waiterTable(report),
    ...queueHeads(report),
    ...prepared(report),
    ...(report.cut ? [context('There were more sessions than are read: the numbers are lower bounds.')] : []),
  ];
}

function sentence({ waitingAtBegin, waitingAtEnd, roots }: LockTreeReport): string {
  if (waitingAtEnd === 0) {
    return waitingAtBegin === 0
      ? 'No session waited for a lock, neither at the begin of the window nor at its end.'
      : `No session waits for a lock any more; ${waitingAtBegin} did at the begin of the window.`;
  }
  const waits = count(waitingAtEnd, 'session waits for a lock', 'sessions wait for a lock');
  return `${waits} (${waitingAtBegin} at the begin of the window), under ${count(roots.length, 'blocker', 'blockers')}.`;
}

function nameOf(nodes: LockNode[], pid: number): string {
  const node = nodes.find((one) => one.pid === pid);
  if (node) return sessionName(node);
  return pid === 0 ? 'a prepared transaction' : `pid ${pid}`;
}

function rootTable({ roots, nodes }: LockTreeReport): MessageBlock[] {
  const shown = roots.slice(0, MAX_ROWS);
  return table(
    'Who blocks',
    ['blocker', 'is', 'there since', 'waiting under it', 'freed when it ends', 'holds'],
    shown.map((root) => [
      nameOf(nodes, root.pid),
      CLASS_WORDS[root.class],
      root.lasting ? 'before the window' : 'within the window',
      root.waiters.length,
      root.drain,
      named(root.held.map(({ relation, mode }) => `${relation} ${mode}`)),
    ]),
    roots.length - shown.length,
  );
}

function waiterTable({ nodes }: LockTreeReport): MessageBlock[] {
  const waiters = nodes
    .filter((node) => node.blockedBy.length > 0)
    .sort((a, b) => (b.waitMs ?? 0) - (a.waitMs ?? 0));
  const shown = waiters.slice(0, MAX_ROWS);
  return table(
    'Who waits, the longest first',
    ['waiter', 'for', 'lock', 'wants', 'behind'],
    shown.map((node) => [
      sessionName(node),
      node.waitMs === null ? null : { value: node.waitMs, text: milliseconds(node.waitMs) },
      node.relation ?? node.lockType,
      node.mode,
      named(node.blockedBy.map((pid) => (pid === 0 ? 'a prepared transaction' : `pid ${pid}`))),
    ]),
    waiters.length - shown.length,
  );
}

function queueHeads({ queueHeads: heads, nodes }: LockTreeReport): MessageBlock[] {
  if (heads.length === 0) return [];
  const lines = heads
    .slice(0, MAX_NAMED)
    .map(
      ({ pid, drain }) =>
        `${nameOf(nodes, pid)} asks for a strong lock; ${count(drain, 'session gets', 'sessions get')} on without it`,
    );
  const more = heads.length > MAX_NAMED ? [`and ${heads.length - MAX_NAMED} more`] : [];
  return [bullets([...lines, ...more], 'Heads of a queue', 200)];
}

function prepared({ prepared: list }: LockTreeReport): MessageBlock[] {
  if (list.length === 0) return [];
  const lines = list
    .slice(0, MAX_NAMED)
    .map(({ gid, role, ageMs }) => `${gid}, of ${role}, prepared ${milliseconds(ageMs)} ago`);
  const more = list.length > MAX_NAMED ? [`and ${list.length - MAX_NAMED} more`] : [];
  return [bullets([...lines, ...more], 'Prepared transactions', 200)];
}

function named(list: string[]): string | null {
  if (list.length === 0) return null;
  const more = list.length > MAX_NAMED ? ` and ${list.length - MAX_NAMED} more` : '';
  return `${list.slice(0, MAX_NAMED).join(', ')}${more}`;
}
