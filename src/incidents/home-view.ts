import { type Freeze, freezeState } from '../store/freeze.ts';
import {
  type Milestones,
  milestonesOf,
  type ProbeTrouble,
  pendingRequests,
  probeTroubles,
} from '../store/home.ts';
import { type Incident, recentIncidents } from '../store/incidents.ts';
import type { MitigationRow } from '../store/mitigations.ts';
import { type IncidentDeps, type Person, serviceOf } from './deps.ts';
import { groupsOfPolicy, mayDecide } from './policy.ts';

const MAX_INCIDENTS = 20;

/** Everything that the home tab shows one person. */
export interface HomeFacts {
  /** The newest, open ones first. */
  incidents: Incident[];
  milestones: Milestones[];
  /** Requests that this person may decide; null when Slack did not say who that is. */
  pending: MitigationRow[] | null;
  troubles: ProbeTrouble[];
  freeze: Freeze | null;
  /** Of services, by id. */
  titles: Record<string, string>;
}

export async function loadHome(deps: IncidentDeps, userId: string): Promise<HomeFacts> {
  const { db } = deps;
  const [incidents, requested, troubles, freeze] = await Promise.all([
    recentIncidents(db, MAX_INCIDENTS),
    pendingRequests(db),
    probeTroubles(db),
    freezeState(db),
  ]);
  const past = incidents.filter(({ state }) => state === 'resolved').map(({ id }) => id);
  return {
    incidents,
    milestones: await milestonesOf(db, past),
    pending: await decidableBy(deps, userId, requested),
    troubles: troubles.filter(({ service }) => deps.services.has(service)),
    freeze,
    titles: Object.fromEntries([...deps.services.values()].map(({ id, title }) => [id, title])),
  };
}

async function decidableBy(
  deps: IncidentDeps,
  userId: string,
  requested: MitigationRow[],
): Promise<MitigationRow[] | null> {
  if (requested.length === 0) return [];
  const policies = [...deps.services.values()].map(({ approvals }) => approvals);
  const groups = [...new Set(policies.flatMap(groupsOfPolicy))];
  const person: Person | null = await deps.people.lookUp(userId, groups).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up a person');
    return null;
  });
  if (!person) return null;
  return requested.filter((row) => {
    const service = serviceOf(deps, row.service);
    return service && mayDecide(service.approvals, person, 'approve', row) === null;
  });
}
