import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { assignLead, resolveIncident } from '../../src/incidents/lead.ts';
import { raisedSeverity, recordSeverity } from '../../src/incidents/measured-severity.ts';
import { addNote, MAX_NOTE } from '../../src/incidents/note.ts';
import { setSeverity } from '../../src/incidents/severity.ts';
import { findIncident, type Incident, inIncident } from '../../src/store/incidents.ts';
import { healthyDiagnosis } from '../fixtures/incident-view.ts';
import { audited, timelineOf } from './offers.ts';
import { APPROVER, ASKER, createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  world.people.add('UGUEST', [], false);
});
afterAll(() => world.close());

const measured = (p95Ms: number | null, severity: 'P1' | 'P2' | 'none' = 'P1'): Diagnosis => ({
  ...healthyDiagnosis,
  severity,
  severityReason: `p95 is ${p95Ms}`,
  scope: { ...healthyDiagnosis.scope, p95Ms, errorRate: 0 },
});

async function measure(incident: Incident, diagnosis: Diagnosis): Promise<Incident | null> {
  const service = world.deps.services.get(incident.service);
  if (!service) throw new Error('no service');
  await inIncident(world.db, incident.id, (db, locked) => recordSeverity(db, locked, diagnosis, service));
  await world.db.query(
    `insert into runs (incident_id, service, kind, requested_by, state, deadline_at, finished_at, diagnosis)
     values ($1, $2, 'triage', 'UASKER', 'finished', now(), now(), $3)`,
    [incident.id, incident.service, JSON.stringify(diagnosis)],
  );
  return findIncident(world.db, incident.id);
}

test.each([
  ['P1 is measured', 'P2', null, 12_000, 'P1'],
  ['it is P1 already', 'P1', null, 12_000, null],
  ['held at 12 s, and as bad as then', 'P2', 12_000, 12_300, null],
  ['held at 12 s, and better', 'P2', 12_000, 10_100, null],
  ['held at 12 s, and worse', 'P2', 12_000, 13_000, 'P1'],
  ['held, and not measurable now', 'P2', 12_000, null, null],
  ['held unmeasured, and now measured', 'P2', 'unmeasured', 12_000, 'P1'],
] as const)('%s', (_what, severity, held, p95Ms, raised) => {
  const severityHeld = held && { p95Ms: held === 'unmeasured' ? null : held, errorRate: 0 };
  expect(raisedSeverity({ severity, severityHeld }, measured(p95Ms))).toBe(raised);
});

test('what is measured raises it, a person lowers it, and only worse raises it again', async () => {
  const incident = await world.openIncident({ incidents: { onCallGroup: 'SONCALL' } });
  expect(await measure(incident, measured(500, 'P2'))).toMatchObject({ severity: 'P2' });
  expect(await measure(incident, measured(12_000))).toMatchObject({ severity: 'P1' });
  const lowered = await setSeverity(world.deps, incident.id, 'P2', ASKER, 'only the export');
  expect(lowered).toMatchObject({ incident: { severity: 'P2', severityHeld: { p95Ms: 12_000 } } });
  expect(await measure(incident, measured(12_100))).toMatchObject({ severity: 'P2' });
  expect(await measure(incident, measured(15_000))).toMatchObject({ severity: 'P1', severityHeld: null });
  expect(await measure(incident, measured(100, 'none'))).toMatchObject({
    severity: 'P1',
    worstP95Ms: 15_000,
  });
  // The people on call are called once, however often it becomes P1.
  expect(await timelineOf(world, incident.id)).toEqual([
    ...['opened', 'severity', 'on-call-called', 'severity', 'severity'],
  ]);
  expect(await audited(world, `incident:${incident.id}`)).toContain('incident.severity');
});

test('without a group nobody is called; a guest changes nothing; nothing changes when it is over', async () => {
  const incident = await world.openIncident();
  expect(await setSeverity(world.deps, incident.id, 'P1', 'UGUEST', 'x')).toEqual({
    refused: 'not-a-member',
  });
  expect(await setSeverity(world.deps, incident.id, 'P1', ASKER, 'payments')).toMatchObject({
    incident: { severity: 'P1', severityReason: 'payments', severityHeld: null },
  });
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'severity']);
  await resolveIncident(world.deps, incident.id, ASKER, '  it was the export \n');
  expect(await findIncident(world.db, incident.id)).toMatchObject({ resolvedWords: 'it was the export' });
  expect(await setSeverity(world.deps, incident.id, 'P2', ASKER, 'x')).toEqual({ refused: 'incident-over' });
});

test('somebody else is made the lead, when both may act', async () => {
  const { id } = await world.openIncident();
  expect(await assignLead(world.deps, id, APPROVER, ASKER)).toMatchObject({ incident: { lead: APPROVER } });
  expect(await assignLead(world.deps, id, 'UGUEST', ASKER)).toEqual({ refused: 'not-a-member' });
  expect(await assignLead(world.deps, id, ASKER, 'UGUEST')).toEqual({ refused: 'not-a-member' });
  expect(await timelineOf(world, id)).toEqual(['opened', 'lead-assigned']);
  expect(await audited(world, `incident:${id}`)).toEqual(['incident.opened', 'incident.lead']);
});

test('a note is kept whole up to its limit, also after the end; an empty one adds nothing', async () => {
  const { id } = await world.openIncident();
  await addNote(world.deps, id, ASKER, ` <!channel> ${'x'.repeat(MAX_NOTE)}`);
  await addNote(world.deps, id, ASKER, '  \n ');
  await resolveIncident(world.deps, id, ASKER);
  expect(await addNote(world.deps, id, 'UGUEST', 'hello')).toEqual({ refused: 'not-a-member' });
  await addNote(world.deps, id, APPROVER, 'it was the nightly export');
  const { rows } = await world.db.query<{ data: { text: string } }>(
    "select data from timeline where incident_id = $1 and kind = 'note' order by id",
    [id],
  );
  expect(rows.map(({ data }) => data.text.length)).toEqual([MAX_NOTE, 25]);
  expect(rows[0]?.data.text.startsWith('<!channel> x')).toBe(true);
});
