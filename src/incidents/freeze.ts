import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { type Freeze, freezeState, insertFreeze, liftFreeze, openIncidentIds } from '../store/freeze.ts';
import { inIncident } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps, Person } from './deps.ts';
import { groupsOfPolicy, mayFreeze, mayUnfreeze, type Refusal } from './policy.ts';

export { freezeState } from '../store/freeze.ts';

/** As much of a reason as a card shows. */
const MAX_REASON = 500;

export type Froze = { freeze: Freeze } | Refusal;

/**
 * The global stop: from its commit on no mitigation of any service is claimed, until it is lifted. What was claimed
 * before goes on to its end: stopping in the middle would leave more to mend.
 */
export async function freeze(deps: IncidentDeps, userId: string, reason: string): Promise<Froze> {
  const refusal = await refusalOf(deps, userId, mayFreeze, 'freeze');
  if (refusal) return refusal;
  const words = reason.trim().slice(0, MAX_REASON);
  const froze = await deps.db.transaction(async (db): Promise<Froze> => {
    const made = await insertFreeze(db, userId, words);
    if (!made) {
      const holding = await freezeState(db);
      return { refused: 'already-frozen', by: holding?.by ?? userId, reason: holding?.reason ?? words };
    }
    await audit(db, 'freeze.set', userId, made);
    return { freeze: made };
  });
  if ('freeze' in froze) await tellIncidents(deps, 'frozen', userId, froze.freeze);
  return froze;
}

/** Lifts the global stop. What was refused meanwhile stays refused and is asked for anew. */
export async function unfreeze(deps: IncidentDeps, userId: string): Promise<Froze> {
  const refusal = await refusalOf(deps, userId, mayUnfreeze, 'unfreeze');
  if (refusal) return refusal;
  const lifted = await deps.db.transaction(async (db) => {
    const row = await liftFreeze(db, userId);
    if (row) await audit(db, 'freeze.lifted', userId, row);
    return row;
  });
  if (!lifted) return { refused: 'not-frozen' };
  await tellIncidents(deps, 'unfrozen', userId, lifted);
  return { freeze: lifted };
}

async function refusalOf(
  deps: IncidentDeps,
  userId: string,
  may: typeof mayFreeze,
  what: 'freeze' | 'unfreeze',
): Promise<Refusal | null> {
  const policies = [...deps.services.values()].map((service) => service.approvals);
  const groups = [...new Set(policies.flatMap(groupsOfPolicy))];
  const person: Person | null = await deps.people.lookUp(userId, groups).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up who freezes');
    return null;
  });
  const refusal: Refusal | null = person ? may(policies, person) : { refused: 'people-unknown' };
  if (refusal) {
    const body = { what, because: refusal.refused };
    await deps.db.transaction((db) =>
      appendAudit(db, { actor: userId, kind: 'freeze.refused', subject: 'freeze', body }),
    );
  }
  return refusal;
}

/** After the commit, one by one: a claim holds its incident while it waits for the freeze. */
async function tellIncidents(
  deps: IncidentDeps,
  kind: 'frozen' | 'unfrozen',
  userId: string,
  { reason }: Freeze,
): Promise<void> {
  for (const id of await openIncidentIds(deps.db)) {
    await inIncident(deps.db, id, (db) =>
      addTimeline(db, id, kind, userId, kind === 'frozen' ? { reason } : {}),
    );
  }
}

function audit(db: Db, kind: string, actor: string, { id }: Freeze): Promise<void> {
  return appendAudit(db, { actor, kind, subject: `freeze:${id}`, body: {} });
}
