import { z } from 'zod';
import type { SessionQuery } from '../targets/postgres.ts';
import { BUILD_MS, LOCK_WAIT_MS, noOwner } from './create-index.ts';
import { asProbe, begins, type IndexNow, type Situation, situationOf } from './index-look.ts';
import { describeIndex, IndexTarget } from './index-target.ts';
import { carryOut } from './long-change.ts';
import type { Effect, Look, Mitigation, MitigationContext, Verification } from './mitigation.ts';
import { tableChange } from './table-ref.ts';
import { age, size } from './words.ts';

/** An index to drop: one that the bot has built, or one whose build never finished. */
export const DropTarget = IndexTarget.extend({
  why: z.enum(['undo', 'invalid']),
  /** oid of the index; null for one that was only approved to be built, which its name and columns identify. */
  indexOid: z.string().regex(/^\d+$/).nullable().default(null),
});
export type DropTarget = z.infer<typeof DropTarget>;

export const DropDryRun = z.object({
  bytes: z.number().nullable(),
  /** How often it was used since the statistics were reset. */
  scans: z.number().nullable(),
  valid: z.boolean(),
});
export type DropDryRun = z.infer<typeof DropDryRun>;

// $1 oid of the index.
const USE = `
  select coalesce(s.idx_scan, 0)::float8 as scans,
    format('drop index concurrently %I.%I', s.schemaname, s.indexrelname) as sql
  from pg_stat_user_indexes s
  where s.indexrelid = $1::oid`;

/** Drops an index without locking anybody out. */
export const dropIndex: Mitigation<DropTarget, DropDryRun> = {
  kind: 'drop-index',
  verb: 'Drop index',
  risk: 'high',
  undo: 'Building the index again takes it back; until then its statements read the whole table.',
  budget: 'indexes',
  executeMs: BUILD_MS,
  unavailable: noOwner,
  target: DropTarget,
  dryRun: DropDryRun,
  describe: (target) => `${target.why === 'undo' ? 'the' : 'the invalid'} ${describeIndex(target)}`,
  describeDryRun,

  async look(target, context): Promise<Look<DropDryRun>> {
    const found = await find(asProbe(context), target, context);
    if ('reason' in found) return { state: 'changed', reason: found.reason };
    const { index, scans } = found;
    return { state: 'same', dryRun: { bytes: index.bytes, scans, valid: index.valid } };
  },

  async execute(target, context): Promise<Effect> {
    const outcome = await carryOut({
      context,
      limitMs: context.service.mitigations.indexBuildLimit,
      setting: 'mitigations.indexBuildLimit',
      settings: { lock_timeout: LOCK_WAIT_MS },
      asOwner: true,
      prepare: (query) => find(query, target, context),
      // DROP INDEX CONCURRENTLY shows no progress of its own (PostgreSQL manual, "Progress Reporting").
      progress: async () => 'dropping the index: it waits for the transactions that may use it',
    });
    if ('reason' in outcome) return { effect: 'target-changed', reason: outcome.reason };
    const detail = `the index ${target.name} was dropped in ${age(outcome.tookMs)}`;
    return { effect: 'done', detail, did: { why: target.why } };
  },

  async verify(target, context): Promise<Verification> {
    const { indexes } = await situationOf(asProbe(context), target, context);
    const index = indexes.find(({ name }) => name === target.name);
    if (!index) return { effect: 'took-place', detail: `there is no index ${target.name} any more` };
    return { effect: 'did-not-take-place', detail: `the index ${index.name} is still there` };
  },

  reverse(target) {
    // Nobody misses an index that was never valid.
    if (target.why === 'invalid') return null;
    const { why: _why, indexOid: _oid, ...index } = target;
    const unknown = {
      statement: '',
      tableRows: null,
      tableBytes: 0,
      estimatedBytes: null,
      estimatedMs: null,
    };
    const dryRun = { ...unknown, waitsFor: null, freeBytes: null, freeUnknown: null, invalid: [] };
    return {
      kind: 'create-index',
      title: `Build the ${describeIndex(index)}`,
      risk: 'medium',
      target: index,
      dryRun,
    };
  },
};

type Found = { index: IndexNow; scans: number; sql: string } | { reason: string };

async function find(query: SessionQuery, target: DropTarget, context: MitigationContext): Promise<Found> {
  const situation = await situationOf(query, target, context);
  const index = situation.indexes.find(({ name }) => name === target.name);
  const reason = refusalOf(target, index, situation);
  if (reason !== null || !index) return { reason: reason ?? `there is no index ${target.name} any more` };
  const [row] = await query<{ scans: number; sql: string }>(USE, [index.oid]);
  return row ? { index, ...row } : { reason: `there is no index ${target.name} any more` };
}

function refusalOf(target: DropTarget, index: IndexNow | undefined, now: Situation): string | null {
  const changed = tableChange(target, now.table);
  if (changed !== null) return changed;
  if (!index) return `there is no index ${target.name} any more`;
  if (target.indexOid !== null && index.oid !== target.indexOid)
    return `${target.name} is another index by now: it was built again`;
  if (index.columns.length !== target.columns.length || !begins(index, target))
    return `${target.name} is an index of other columns than shown`;
  if (index.unique || index.constraint) return `${target.name} forbids duplicates: it is more than an index`;
  if (index.beingBuilt) return `${target.name} is being built right now`;
  if (target.why === 'invalid' && index.valid) return `${target.name} is valid by now`;
  const [build] = now.builds;
  if (build) return `pid ${build.pid} is building an index: one at a time`;
  return now.table?.mayBuild === false
    ? 'the role of approved acts may not become the owner of the table'
    : null;
}

function describeDryRun({ bytes, scans, valid }: DropDryRun): string[] {
  const used = scans === null ? [] : [`It was used ${scans} times since the statistics were reset.`];
  return [
    valid
      ? 'The statements that use it read the whole table again.'
      : 'It is invalid: no statement uses it, and every write keeps it up.',
    ...(bytes === null ? [] : [`Frees ${size(bytes)}.`]),
    ...(valid ? used : []),
    'Locks: SHARE UPDATE EXCLUSIVE on the table. Reads and writes go on; it waits for the transactions that may use the index.',
  ];
}
