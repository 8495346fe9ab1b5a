import { expect, test } from 'vitest';
import { breakGlassMessage } from '../../src/blocks/break-glass.ts';
import { mitigationMessage } from '../../src/blocks/mitigation.ts';
import type { MitigationView } from '../../src/incidents/view.ts';
import type { MitigationState } from '../../src/store/mitigations.ts';
import { at, mitigation, service, view } from '../fixtures/incident-view.ts';

const asked = (values: Partial<MitigationView> = {}) =>
  mitigation({
    ...{ state: 'requested', version: 2, requestedBy: 'UONCALL', requestedAt: at(10), reason: 'it blocks' },
    ...{ expiresAt: at(310), ...values },
  });
const freeze = { id: 1, by: 'UBOSS', reason: 'failover <!channel>', at: at(5) };
const cardOf = (row: MitigationView, values: Parameters<typeof view>[0] = {}) =>
  JSON.stringify(mitigationMessage(view({ mitigations: [row], ...values }), row));
const actionIds = (card: string) => [...card.matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1]);

const STATES: MitigationState[] = [
  ...(['approved', 'denied', 'expired', 'succeeded', 'failed', 'target-changed'] as const),
  ...(['interrupted', 'verified', 'not-recovered', 'withdrawn'] as const),
];

test('only what waits for a decision has its buttons, and approving asks again', () => {
  const card = cardOf(asked());
  expect(actionIds(card)).toEqual(['approve-mitigation', 'deny-mitigation']);
  expect(card).toMatch(/"approve-mitigation".*"style":"danger".*"confirm":\{"title"/);
  expect(cardOf(asked({ risk: 'low' }))).toContain('"style":"primary"');
  for (const state of STATES) expect(actionIds(cardOf(asked({ state })))).toEqual([]);
  expect(actionIds(cardOf(asked(), { incident: { ...view().incident, state: 'resolved' } }))).toEqual([]);
});

test('says who may approve, how many have, and that the requester may not; times are in the zone of the reader', () => {
  const card = cardOf(
    asked({
      quorum: 2,
      approvals: [{ userId: 'UBOSS', decision: 'approve', via: 'terminal', decidedAt: at(20) }],
    }),
  );
  expect(card).toContain('<!subteam^SAPPROVERS>, not by the one who asked (1 of 2 given)');
  expect(card).toMatch(/\*Expires\* <!date\^\d+\^/);
  expect(card).toMatch(/\*Approved by\* <@UBOSS> <!date[^>]+>, at the terminal/);
  const lenient = { ...service.approvals, requesterMayApprove: { low: false, medium: true, high: false } };
  expect(cardOf(asked(), { service: { ...service, approvals: lenient } })).not.toContain(
    'not by the one who asked',
  );
});

test('a freeze is on every card that could act, and on no other; its reason mentions nobody', () => {
  for (const state of ['requested', 'approved'] as const) {
    const card = cardOf(asked({ state }), { freeze });
    expect(card).toContain('*Frozen* by <@UBOSS>');
    expect(card).toContain('failover &lt;!channel&gt;');
    expect(card).not.toContain('<!channel>');
  }
  for (const state of ['executing', 'verified', 'denied'] as const) {
    expect(cardOf(asked({ state }), { freeze })).not.toContain('Frozen');
  }
});

test('what runs shows how far it is and can be stopped once', () => {
  const running = asked({ state: 'executing', progress: 'building index: 42 %' });
  expect(cardOf(running)).toContain('building index: 42 %');
  expect(actionIds(cardOf(running))).toEqual(['stop-mitigation']);
  const stopping = cardOf({ ...running, stopAskedBy: 'UBOSS', stopAskedAt: at(40) });
  expect(actionIds(stopping)).toEqual([]);
  expect(stopping).toContain('*Asked to stop by* <@UBOSS>');
});

test('what somebody did alone says so in every state, on the card and in the channel', () => {
  for (const state of ['approved', 'executing', 'verified', 'failed'] as const) {
    const row = asked({ state, breakGlass: true, reason: '<!here> nobody answers' });
    expect(cardOf(row)).toContain('(break-glass)');
    const told = breakGlassMessage(view({ mitigations: [row] }), row);
    expect(told?.text).toContain('<@UONCALL> acts without an approval');
    expect(told?.text).toContain('&lt;!here&gt; nobody answers');
    expect(told?.text).not.toContain('<!here>');
  }
  expect(breakGlassMessage(view(), asked())).toBeNull();
});
