import { expect, test, vi } from 'vitest';
import { cardMessage } from '../../src/blocks/card.ts';
import { mitigationMessage } from '../../src/blocks/mitigation.ts';
import { type ButtonArgs, onDecide, parseShown } from '../../src/handlers/buttons.ts';
import type { MitigationState } from '../../src/store/mitigations.ts';
import type { SlackMessage } from '../e2e/helpers/workspace.ts';
import { at, mitigation, view } from '../fixtures/incident-view.ts';
import { type HandlersScene, openHandlersScene } from '../helpers/handlers-scene.ts';

/** An incident with one mitigation in the store, and its card or approval card in the channel. */
async function withMitigation(scene: HandlersScene, state: MitigationState): Promise<SlackMessage> {
  await scene.slack.command('UONCALL', 'api');
  // The run is started after the answer.
  await vi.waitFor(() => expect(scene.rung).toHaveLength(1));
  const { db } = scene.deps;
  await db.query(`update runs set state = 'finished', finished_at = now()`);
  await db.query(
    `insert into mitigations (incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run, state,
       requested_by, requested_at, expires_at)
     select 1, id, 'api', 'lock-idle-in-tx', 'terminate-backend', 'Terminate pid 4242', 'medium', '{}', 'f00d', '{}', $1,
       'UONCALL', now(), now() + interval '5 minutes'
     from runs limit 1`,
    [state],
  );
  const row = mitigation({ id: 1, incidentId: 1, version: 1, state });
  const shown = view({ incident: { ...view().incident, id: 1 }, mitigations: [row] });
  const rendered =
    state === 'proposed'
      ? cardMessage(shown, { charts: false })
      : mitigationMessage(shown, { ...row, requestedAt: at(1), requestedBy: 'UONCALL' });
  const posted = await scene.slack.client().chat.postMessage({
    channel: 'CINCIDENTS',
    text: rendered?.text ?? '',
    blocks: JSON.stringify(rendered?.blocks) as never,
  });
  const found = (await scene.slack.channel()).find((message) => message.ts === posted.ts);
  if (!found) throw new Error('the card did not appear');
  return found;
}
const stateOf = async (scene: HandlersScene) =>
  (await scene.deps.db.query<{ state: string }>('select state from mitigations')).rows[0]?.state;

test('an observer who asks, and one who approves, is told privately that they may not', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const card = await withMitigation(scene, 'proposed');
  const asked = await scene.slack.click('UOBSERVER', card, /^request-mitigation/);
  expect(asked.ephemeral?.text).toBe('You may not ask for this. It is for <!subteam^SONCALL>.');
  expect(asked.view).toBeNull();
  expect(await stateOf(scene)).toBe('proposed');
});

test('approval: not by an observer, not by who asked; by an approver, once', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const card = await withMitigation(scene, 'requested');
  const approve = async (who: 'UOBSERVER' | 'UONCALL' | 'UAPPROVER') =>
    (await scene.slack.click(who, card, 'approve-mitigation')).ephemeral?.text;
  expect(await approve('UOBSERVER')).toBe('You may not approve this. It is for <!subteam^SAPPROVERS>.');
  expect(await approve('UONCALL')).toBe('You may not approve this. It is for <!subteam^SAPPROVERS>.');
  expect(await stateOf(scene)).toBe('requested');
  expect(await approve('UAPPROVER')).toMatch(/^Approved\./);
  expect(await stateOf(scene)).toBe('approved');
  expect(await approve('UAPPROVER')).toMatch(/^Too late: it is already approved/);
  const { rows } = await scene.deps.db.query(
    `select kind from audit where kind like 'mitigation.%' order by seq`,
  );
  expect(rows.map((row) => row.kind)).toEqual([
    'mitigation.refused',
    'mitigation.refused',
    'mitigation.approve',
  ]);
});

test('when Slack does not say who somebody is, nothing is done, and that is said', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const card = await withMitigation(scene, 'requested');
  scene.slack.sandbox.failures.set({ errors: { 'users.info': 'internal_error' } });
  const answer = await scene.slack.click('UAPPROVER', card, 'approve-mitigation');
  expect(answer.ephemeral?.text).toContain('Slack did not say whether you are allowed to');
  expect(await stateOf(scene)).toBe('requested');
});

test('the card: take the lead, look again, resolve; afterwards each says that it is over', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const card = await withMitigation(scene, 'proposed');
  const click = async (action: string) =>
    (await scene.slack.click('UAPPROVER', card, action)).ephemeral?.text;
  expect(await click('take-lead')).toBe('You lead INC-1 now.');
  expect(await click('look-again')).toBe('Looking again.');
  expect(await click('look-again')).toMatch(/under way already/);
  expect(await click('resolve-incident')).toBe('INC-1 is resolved.');
  for (const action of ['take-lead', 'look-again', 'resolve-incident']) {
    expect(await click(action)).toMatch(/already resolved/);
  }
});

test('a decision that is stored is told as such when Slack takes neither acknowledgement nor answer', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  await withMitigation(scene, 'requested');
  const broken = async () => {
    throw new Error('socket hang up');
  };
  const args = {
    action: { value: '1:1' },
    body: { user: { id: 'UAPPROVER' }, channel: { id: 'CINCIDENTS' } },
    ack: broken,
    respond: broken,
    client: scene.slack.client(),
  } as unknown as ButtonArgs;
  await onDecide(scene.deps, 'approve', args);
  expect(await stateOf(scene)).toBe('approved');
  const told = scene.slack.sandbox.calls().filter((call) => call.method === 'chat.postEphemeral');
  expect(told.map(({ args: { user, text } }) => ({ user, text }))).toEqual([
    { user: 'UAPPROVER', text: expect.stringMatching(/^Approved\./) },
  ]);
  // Nor does it break where Slack takes nothing at all.
  scene.slack.sandbox.failures.set({ outage: true });
  await onDecide(scene.deps, 'approve', args);
});

test('a value that the bot did not make names nothing', () => {
  for (const value of [
    undefined,
    '',
    '1',
    '1:',
    ':1',
    '1:2:3',
    '-1:2',
    '1e3:1',
    ' 1:1',
    '1:1\n',
    '9'.repeat(16).concat(':1'),
  ]) {
    expect(parseShown(value)).toBeNull();
  }
  expect(parseShown('12:3')).toEqual({ id: 12, version: 3 });
});

test.each([
  ['breaks', { error500: 1 }],
  ['hangs', { delayMs: 10_000 }],
  ['loses the answers', { swallowAnswer: ['users.info', 'usergroups.users.list'] }],
])('while Slack %s nobody is approved, and the click is acknowledged in time', async (_what, failures) => {
  const scene = await openHandlersScene();
  await scene.connect();
  const card = await withMitigation(scene, 'requested');
  scene.slack.sandbox.failures.set(failures);
  const answer = await scene.slack.click('UAPPROVER', card, 'approve-mitigation');
  // The stand-in, like Slack, reports a click that was not acknowledged within 3 s.
  expect(answer.ok).toBe(true);
  expect(await stateOf(scene)).toBe('requested');
  const { rows } = await scene.deps.db.query('select from approvals');
  expect(rows).toEqual([]);
  scene.slack.sandbox.failures.clear();
  expect((await scene.slack.click('UAPPROVER', card, 'approve-mitigation')).ephemeral?.text).toMatch(
    /^Approved\./,
  );
});

test('one click delivered three times is answered three times and counted once', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  await withMitigation(scene, 'requested');
  await scene.deps.db.query('update mitigations set quorum = 2');
  const told: string[] = [];
  const args = {
    action: { action_id: 'approve-mitigation', action_ts: '1795403520.000100', value: '1:1' },
    body: { user: { id: 'UAPPROVER' }, channel: { id: 'CINCIDENTS' } },
    ack: async () => undefined,
    respond: async ({ text }: { text: string }) => void told.push(text),
    client: scene.slack.client(),
  } as unknown as ButtonArgs;
  await Promise.all([1, 2, 3].map(() => onDecide(scene.deps, 'approve', args)));
  expect(told).toEqual(Array(3).fill('Your approval is recorded; more are needed.'));
  const { rows } = await scene.deps.db.query("select from audit where kind = 'mitigation.approve'");
  expect(rows).toHaveLength(1);
});

test('a forged value finds nothing, and an old version of the card decides nothing', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  await withMitigation(scene, 'requested');
  const click = async (value: string) => {
    const told: string[] = [];
    const args = {
      action: { action_id: 'approve-mitigation', action_ts: value, value },
      body: { user: { id: 'UAPPROVER' }, channel: { id: 'CINCIDENTS' } },
      ack: async () => undefined,
      respond: async ({ text }: { text: string }) => void told.push(text),
      client: scene.slack.client(),
    } as unknown as ButtonArgs;
    await onDecide(scene.deps, 'approve', args);
    return told[0];
  };
  expect(await click('999:1')).toMatch(/does not exist any more/);
  expect(await click("1:1' or true")).toMatch(/does not exist any more/);
  expect(await click('1:0')).toMatch(/^Too late: it is already waiting for approval/);
  expect(await stateOf(scene)).toBe('requested');
});

test('what runs is stopped by an approver, not by an observer', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const card = await withMitigation(scene, 'executing');
  const stop = async (who: 'UOBSERVER' | 'UAPPROVER') =>
    (await scene.slack.click(who, card, 'stop-mitigation')).ephemeral?.text;
  expect(await stop('UOBSERVER')).toMatch(/may not/);
  expect(await stop('UAPPROVER')).toMatch(/^It is being stopped/);
  const { rows } = await scene.deps.db.query('select stop_asked_by as by from mitigations');
  expect(rows).toEqual([{ by: 'UAPPROVER' }]);
});
