import { userMessageOf } from '../errors.ts';
import { asProbe, begins, type IndexNow, situationOf } from './index-look.ts';
import type { IndexTarget } from './index-target.ts';
import type { MitigationContext } from './mitigation.ts';
import { postgresOf } from './signal.ts';

/** For removing what a build left behind; whoever still reads the table is waited for this long. */
const CLEAN_UP_MS = 60_000;
const LOOK_MS = 5_000;

const DROP = `
  select format('drop index concurrently %I.%I', n.nspname, c.relname) as sql
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
  where i.indexrelid = $1::oid and i.indrelid = $2::oid and c.relname = $3 and not i.indisvalid`;

/**
 * Removes the invalid index that an unfinished build has left: no query uses it, but every write goes on keeping it.
 * Never throws: what is left is said, and the next diagnosis offers to drop it.
 */
export async function cleanUp(target: IndexTarget, context: MitigationContext): Promise<string> {
  try {
    const index = await leftoverOf(target, context);
    if (!index) return 'nothing of it is left';
    await drop(index, target, context);
    return 'what was left of it was removed';
  } catch (error) {
    return `an invalid index ${target.name} may be left (${userMessageOf(error)}): look again, and drop it`;
  }
}

async function leftoverOf(target: IndexTarget, context: MitigationContext): Promise<IndexNow | undefined> {
  // The time of the change itself may be over.
  const own = { ...context, signal: AbortSignal.timeout(LOOK_MS) };
  const { indexes } = await situationOf(asProbe(own), target, own);
  return indexes.find(
    (one) => one.name === target.name && !one.valid && !one.beingBuilt && begins(one, target),
  );
}

function drop(index: IndexNow, target: IndexTarget, context: MitigationContext): Promise<void> {
  const ownerRole = context.service.targets.postgres?.ownerRole ?? null;
  const ask = {
    settings: { statement_timeout: CLEAN_UP_MS, lock_timeout: CLEAN_UP_MS },
    grant: ownerRole ?? 'the ownership of the table',
    signal: AbortSignal.timeout(LOOK_MS),
  };
  return postgresOf(context).maintain(ask, async ({ query, run }) => {
    const [row] = await query<{ sql: string }>(DROP, [index.oid, target.oid, target.name]);
    if (!row) return;
    if (ownerRole !== null) await query("select set_config('role', $1, false)", [ownerRole]);
    await run(row.sql, AbortSignal.timeout(CLEAN_UP_MS));
  });
}
