import { BotError, userMessageOf } from '../errors.ts';
import type { SessionQuery } from '../targets/postgres.ts';
import { diskRoom } from './disk-room.ts';
import { asProbe, begins, buildProgress, type Situation, situationOf } from './index-look.ts';
import {
  buildMs,
  describeBuild,
  describeIndex,
  IndexDryRun,
  IndexTarget,
  transactionWords,
} from './index-target.ts';
import { cleanUp } from './leftover.ts';
import { carryOut } from './long-change.ts';
import type { Effect, Look, Mitigation, MitigationContext, Verification } from './mitigation.ts';
import { noSignals } from './signal.ts';
import { tableChange, tableName } from './table-ref.ts';
import { age, size } from './words.ts';

/** The most that mitigations.indexBuildLimit can be, and time to clean up. */
export const BUILD_MS = 21_600_000 + 180_000;
/** For one transaction that begins during the build; a lock_timeout ends the build, and it is cleaned up. */
export const LOCK_WAIT_MS = 600_000;

/** Why this service can have no index built or dropped. */
export function noOwner(service: Parameters<typeof noSignals>[0]): string | null {
  if (noSignals(service) !== null) return noSignals(service);
  if (service.targets.postgres?.ownerRole !== undefined) return null;
  return 'indexes belong to the owner of the table: set targets.postgres.ownerRole (docs/permissions.md)';
}

/** Builds an index without locking writes out. */
export const createIndex: Mitigation<IndexTarget, IndexDryRun> = {
  kind: 'create-index',
  verb: 'Build index',
  risk: 'medium',
  undo: 'Dropping the index takes it back.',
  budget: 'indexes',
  executeMs: BUILD_MS,
  unavailable: noOwner,
  target: IndexTarget,
  dryRun: IndexDryRun,
  describe: describeIndex,
  describeDryRun: describeBuild,

  async look(target, context): Promise<Look<IndexDryRun>> {
    const situation = await situationOf(asProbe(context), target, context);
    const dryRun = await dryRunOf(situation, target, context);
    const reason = refusalOf(target, situation, dryRun, context);
    return reason === null ? { state: 'same', dryRun } : { state: 'changed', reason };
  },

  async execute(target, context): Promise<Effect> {
    const { indexBuildLimit } = context.service.mitigations;
    const seen = await asProbe(context)<{ database: string }>('select current_database()::text as database');
    try {
      const outcome = await carryOut({
        context,
        limitMs: indexBuildLimit,
        setting: 'mitigations.indexBuildLimit',
        settings: { lock_timeout: LOCK_WAIT_MS },
        asOwner: true,
        prepare: (query) => prepare(query, target, context, seen[0]?.database),
        progress: (pid, signal) => buildProgress(asProbe(context, signal), pid),
      });
      if ('reason' in outcome) return { effect: 'target-changed', reason: outcome.reason };
      return {
        effect: 'done',
        detail: `the index ${target.name} was built in ${age(outcome.tookMs)}`,
        did: { ...target, statement: 'create index concurrently' },
      };
    } catch (error) {
      const left = await cleanUp(target, context);
      throw new BotError('target-protocol', `the index was not built: ${userMessageOf(error)}; ${left}`, {
        cause: error,
      });
    }
  },

  async verify(target, context): Promise<Verification> {
    const { indexes, builds } = await situationOf(asProbe(context), target, context);
    const index = indexes.find(({ name }) => name === target.name);
    const [build] = builds;
    if (index?.beingBuilt)
      return { effect: 'unknown', detail: `the index is still being built by pid ${build?.pid ?? '?'}` };
    if (!index) return { effect: 'did-not-take-place', detail: `there is no index ${target.name}` };
    if (index.valid && begins(index, target))
      return {
        effect: 'took-place',
        detail: `the index ${index.name} is valid and has ${size(index.bytes)}`,
      };
    const detail = index.valid
      ? `${index.name} is an index of other columns`
      : `${index.name} is invalid: its build did not finish, and it has to be dropped`;
    return { effect: 'did-not-take-place', detail };
  },

  reverse(target) {
    return {
      kind: 'drop-index',
      title: `Drop the ${describeIndex(target)}`,
      risk: 'high',
      target: { ...target, why: 'undo' },
      dryRun: { bytes: null, scans: null, valid: true },
    };
  },
};

async function dryRunOf(
  { table, waitsFor, indexes }: Situation,
  target: IndexTarget,
  context: MitigationContext,
): Promise<IndexDryRun> {
  const room = await diskRoom(table?.directory ?? null, context);
  const [rows, bytes] = [table?.rows ?? null, table?.bytes ?? 0];
  return {
    statement: table?.statement ?? '',
    tableRows: rows,
    tableBytes: bytes,
    estimatedBytes: rows === null ? null : Math.round(rows * KEY_BYTES * target.columns.length),
    estimatedMs: buildMs(bytes, rows),
    waitsFor,
    ...room,
    invalid: indexes.filter((index) => !index.valid && begins(index, target)).map(({ name }) => name),
  };
}

/** A column with its share of the tuple's header and of the room that pages leave; generous, for the disk's sake. */
const KEY_BYTES = 32;

/** Looks again in the session that will build. The disk was looked at before: it takes another machine's time. */
async function prepare(
  query: SessionQuery,
  target: IndexTarget,
  context: MitigationContext,
  database: string | undefined,
): Promise<{ sql: string } | { reason: string }> {
  const situation = await situationOf(query, target, context);
  const { table } = situation;
  const dryRun = await dryRunOf(situation, target, context);
  const reason = refusalOf(target, situation, dryRun, context);
  if (reason !== null || !table) return { reason: reason ?? `the table ${tableName(target)} is gone` };
  if (table.database !== database) return { reason: 'actionUrl leads to another database than url' };
  return { sql: table.statement };
}

function refusalOf(
  target: IndexTarget,
  situation: Situation,
  { estimatedBytes, freeBytes }: IndexDryRun,
  { service }: MitigationContext,
): string | null {
  const { table } = situation;
  const changed = tableChange(target, table);
  if (changed !== null || !table) return changed;
  if (!table.buildable)
    return `${tableName(target)} is no ordinary table: no index is built on it concurrently`;
  if (table.columnsThere !== target.columns.length) return `${tableName(target)} lost a column of the index`;
  const inTheWay = indexInTheWay(target, situation) ?? otherWork(situation);
  if (inTheWay !== null) return inTheWay;
  const old = situation.waitsFor.find(({ ageMs }) => ageMs >= service.mitigations.indexWait);
  if (old) {
    return `the build would wait for ${transactionWords(old)}; end it first, or wait for it (mitigations.indexWait)`;
  }
  if (estimatedBytes !== null && freeBytes !== null && freeBytes < 2 * estimatedBytes) {
    return `${size(freeBytes)} are free on the disk of PostgreSQL, less than twice the ${size(estimatedBytes)} that the index may take`;
  }
  if (!table.mayBuild) {
    const owner = service.targets.postgres?.ownerRole ?? 'its owner';
    return `the role of approved acts may not become ${owner}, or ${owner} does not own ${tableName(target)} or may create nothing in its schema (docs/permissions.md)`;
  }
  return null;
}

function indexInTheWay(target: IndexTarget, { table, indexes }: Situation): string | null {
  const own = indexes.find(({ name }) => name === target.name);
  const same = indexes.find((index) => index.valid && begins(index, target));
  if (same) return `the index ${same.name} begins with the same columns already`;
  if (own?.beingBuilt) return `the index ${own.name} is being built already`;
  if (own && !own.valid)
    return `an invalid index ${own.name} is left of a build that did not finish: drop it first`;
  return table?.nameTaken ? `the name ${target.name} is taken by something else` : null;
}

function otherWork({ builds, vacuums }: Situation): string | null {
  const [build] = builds;
  if (build)
    return `pid ${build.pid} is building an index on ${build.table ?? 'another table'}: one at a time`;
  const vacuum = vacuums.find(({ automatic, preventsWraparound }) => !automatic || preventsWraparound);
  if (!vacuum) return null;
  return `pid ${vacuum.pid} is vacuuming or analysing the table${vacuum.preventsWraparound ? ' against wraparound' : ''}, and the build would wait for it`;
}
