import { decideMitigation } from '../../src/incidents/decide.ts';
import { targetHash } from '../../src/incidents/propose.ts';
import { requestMitigation } from '../../src/incidents/request.ts';
import type { Incident } from '../../src/store/incidents.ts';
import {
  findMitigation,
  type MitigationRow,
  mitigationsOf,
  type NewMitigation,
  replaceProposals,
} from '../../src/store/mitigations.ts';
import { insertRun } from '../../src/store/runs.ts';
import type { TestSession } from '../helpers/test-database.ts';
import { APPROVER, ASKER, type World } from './world.ts';

export type Kind = 'cancel-query' | 'terminate-backend';

const SNAPSHOT = `
  select
    pid, backend_start::text as "backendStart", xact_start::text as "xactStart", query_start::text as "queryStart",
    state_change::text as "stateChange", state, to_jsonb(a) ->> 'query_id' as "queryId",
    application_name as application, usename as role, datname as database
  from pg_stat_activity a
  where pid = $1`;

/** A session that is idle in transaction: what terminate-backend is for. */
export async function idleInTransaction(world: World, name = 'celery'): Promise<TestSession> {
  const session = await world.app.openSession(name);
  await session.query('begin');
  await session.query('select 1');
  return session;
}

/** A session that runs one long statement: what cancel-query is for. */
export async function longQuery(
  world: World,
  name = 'report',
): Promise<TestSession & { result: Promise<string> }> {
  const session = await world.app.openSession(name);
  const result = session.query('select pg_sleep(600)').then(
    () => 'finished',
    (error: { code?: string }) => error.code ?? 'lost',
  );
  for (;;) {
    const { rows } = await world.app.query<{ state: string }>(
      "select state from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
      [session.pid],
    );
    if (rows[0]?.state === 'active') return { ...session, result };
  }
}

/** Offers to end these sessions, as a diagnosis does. */
export async function offer(
  world: World,
  incident: Incident,
  sessions: TestSession[],
  kind: Kind = 'terminate-backend',
): Promise<MitigationRow[]> {
  const run = await insertRun(
    world.db,
    {
      incidentId: incident.id,
      service: incident.service,
      kind: 'triage',
      mitigationId: null,
      requestedBy: ASKER,
      deadlineMs: 60_000,
    },
    [],
  );
  if (!run) throw new Error('the service has a run under way');
  await world.db.query("update runs set state = 'finished', finished_at = now() where id = $1", [run.id]);
  const proposals: NewMitigation[] = [];
  for (const { pid } of sessions) {
    const { rows } = await world.app.query(SNAPSHOT, [pid]);
    const query = { text: 'select $1', fingerprint: null, how: 'parsed' };
    const target = { ...rows[0], query, ageMs: 10_000, afterCancel: false };
    const { id: runId, incidentId, service } = run;
    proposals.push({
      ...{ incidentId, runId, service, kind, target },
      causeId: 'lock-idle-in-tx',
      title: `Terminate pid ${pid} (celery)`,
      risk: 'medium' as const,
      targetHash: targetHash(kind, target),
      dryRun: { freed: 0, waitersTotal: 0, waiters: [], rollsBackMs: 10_000 },
    });
  }
  await replaceProposals(world.db, incident.id, proposals);
  const rows = await mitigationsOf(world.db, incident.id);
  return rows.filter((row) => row.runId === run.id);
}

/** One offer to end one session that is idle in transaction. */
export async function offered(
  world: World,
  overrides?: Record<string, unknown>,
): Promise<{ incident: Incident; session: TestSession; mitigation: MitigationRow }> {
  const incident = await world.openIncident(overrides);
  const session = await idleInTransaction(world);
  const [mitigation] = await offer(world, incident, [session]);
  if (!mitigation) throw new Error('nothing was offered');
  return { incident, session, mitigation };
}

/** Asks for an offer. Throws on a refusal. */
export async function request(
  world: World,
  { id, version }: MitigationRow,
  by = ASKER,
): Promise<MitigationRow> {
  const requested = await requestMitigation(world.deps, id, version, by, 'it blocks the API');
  if ('refused' in requested) throw new Error(`refused: ${requested.refused}`);
  return requested.mitigation;
}

/** Approves what was asked for. Throws on a refusal. */
export async function approve(world: World, row: MitigationRow, userId = APPROVER): Promise<MitigationRow> {
  const { id: mitigationId, version } = row;
  const decided = await decideMitigation(world.deps, { mitigationId, version, userId, decision: 'approve' });
  if ('refused' in decided) throw new Error(`refused: ${decided.refused}`);
  return decided.mitigation;
}

/** The row as it is now. */
export async function now(world: World, { id }: { id: number }): Promise<MitigationRow> {
  const row = await findMitigation(world.db, id);
  if (!row) throw new Error(`no mitigation ${id}`);
  return row;
}

/** Whether the backend of this session is still there. */
export async function lives(world: World, { pid }: { pid: number }): Promise<boolean> {
  const { rows } = await world.app.query('select from pg_stat_activity where pid = $1', [pid]);
  return rows.length === 1;
}

/** What the audit log says about one subject, oldest first. */
export async function audited(world: World, subject: string): Promise<string[]> {
  const { rows } = await world.db.query<{ kind: string }>(
    'select kind from audit where subject = $1 order by seq',
    [subject],
  );
  return rows.map((row) => row.kind);
}

/** The kinds of the timeline entries of an incident, oldest first. */
export async function timelineOf(world: World, incidentId: number): Promise<string[]> {
  const { rows } = await world.db.query<{ kind: string }>(
    'select kind from timeline where incident_id = $1 order by id',
    [incidentId],
  );
  return rows.map((row) => row.kind);
}
