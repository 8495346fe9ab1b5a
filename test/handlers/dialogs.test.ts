import { expect, test, vi } from 'vitest';
import { actions, button, overflow } from '../../src/blocks/kit.ts';
import type { Answer, SlackMessage } from '../e2e/helpers/workspace.ts';
import { type HandlersScene, openHandlersScene } from '../helpers/handlers-scene.ts';
import { openWithCard } from '../helpers/in-thread.ts';
import { privateMessages } from '../helpers/private-messages.ts';

const KINDS = ['open-severity', 'open-assign', 'open-note', 'open-resolve', 'make-handover'];

async function openScene(overrides: Parameters<HandlersScene['connect']>[1] = {}) {
  const scene = await openHandlersScene();
  await scene.connect({}, overrides);
  return scene;
}

/** An incident, and a message with the buttons and the menu of its card. */
async function withCard(scene: HandlersScene): Promise<SlackMessage> {
  await openWithCard(scene);
  const buttons = [...KINDS, 'show-report'].map((id) => button(id, id, '1'));
  const menu = overflow(
    'incident-menu',
    KINDS.map((id) => ({ text: id, value: `${id}:1` })),
  );
  const posted = await scene.slack.client().chat.postMessage({
    channel: 'CINCIDENTS',
    text: 'buttons',
    blocks: JSON.stringify([actions('card', [...buttons, menu])]) as never,
  });
  const found = (await scene.slack.channel()).find(({ ts }) => ts === posted.ts);
  if (!found) throw new Error('the buttons did not appear');
  return found;
}

function viewOf(answer: Answer): NonNullable<Answer['view']> {
  if (!answer.view) throw new Error(`no dialog: ${JSON.stringify(answer)}`);
  return answer.view;
}

const timeline = async ({ deps }: HandlersScene, kind: string) =>
  (
    await deps.db.query<{ actor: string; data: Record<string, unknown> }>(
      'select actor, data from timeline where kind = $1 order by id',
      [kind],
    )
  ).rows;

test('severity, by the menu of the card: what is missing is said beside its input', async () => {
  const scene = await openScene();
  const card = await withCard(scene);
  const opened = viewOf(await scene.slack.click('UONCALL', card, 'incident-menu', 'open-severity:1'));
  expect(opened.title.text).toBe('Severity of INC-1');
  expect((await scene.slack.submit('UONCALL', opened.id, { severity: 'P1', reason: '' })).errors).toEqual({
    reason: 'Please complete this required field.',
  });
  // Slack lets blanks through, the bot does not.
  expect(
    (await scene.slack.submit('UONCALL', opened.id, { severity: 'P1', reason: '     ' })).errors,
  ).toEqual({
    reason: 'Say in a few words why.',
  });
  const done = await scene.slack.submit('UONCALL', opened.id, { severity: 'P1', reason: 'nobody can pay' });
  expect(done).toMatchObject({ ok: true, view: null });
  expect(await timeline(scene, 'severity')).toMatchObject([{ data: { to: 'P1', reason: 'nobody can pay' } }]);
});

test('assign, by a button: a person who may not lead is refused in the dialog', async () => {
  const scene = await openScene();
  const card = await withCard(scene);
  const opened = viewOf(await scene.slack.click('UONCALL', card, 'open-assign'));
  const refused = await scene.slack.submit('UONCALL', opened.id, { lead: 'UOBSERVER' });
  expect(refused.view?.title.text).toBe('Not done');
  const again = viewOf(await scene.slack.click('UONCALL', card, 'open-assign'));
  expect(await scene.slack.submit('UONCALL', again.id, { lead: 'UAPPROVER' })).toMatchObject({ view: null });
  expect(await timeline(scene, 'lead-assigned')).toMatchObject([
    { actor: 'UONCALL', data: { lead: 'UAPPROVER' } },
  ]);
});

test('note: 3,000 characters and no more; an observer is refused in words', async () => {
  const scene = await openScene();
  const card = await withCard(scene);
  const opened = viewOf(await scene.slack.click('UONCALL', card, 'open-note'));
  expect((await scene.slack.submit('UONCALL', opened.id, { note: 'x'.repeat(3_001) })).errors).toEqual({
    note: 'Must be at most 3000 characters.',
  });
  await scene.slack.submit('UONCALL', opened.id, { note: `${'x'.repeat(2_999)}y` });
  expect((await timeline(scene, 'note'))[0]?.data.text).toHaveLength(3_000);
  const theirs = viewOf(await scene.slack.click('UOBSERVER', card, 'open-note'));
  const refused = await scene.slack.submit('UOBSERVER', theirs.id, { note: 'hello' });
  expect(JSON.stringify(refused.view)).toContain('You may not ask for this.');
});

test('resolve: the cause is confirmed, or said to be another one', async () => {
  const scene = await openScene();
  const card = await withCard(scene);
  const diagnosis = { verdict: 'cause-found', causes: [{ id: 'lock-idle-in-tx', status: 'found' }] };
  await scene.deps.db.query('update runs set diagnosis = $1', [JSON.stringify(diagnosis)]);
  const opened = viewOf(await scene.slack.click('UONCALL', card, 'open-resolve'));
  expect(JSON.stringify(opened.blocks)).toContain('The diagnosis named `lock-idle-in-tx`.');
  expect((await scene.slack.submit('UONCALL', opened.id, { confirmed: 'other', reason: '' })).errors).toEqual(
    {
      reason: 'Say what it was.',
    },
  );
  await scene.slack.submit('UONCALL', opened.id, { confirmed: 'confirmed', reason: 'the session was ended' });
  expect((await timeline(scene, 'resolved'))[0]?.data.words).toBe(
    'Cause confirmed: lock-idle-in-tx. the session was ended',
  );
  for (const kind of ['open-severity', 'open-assign', 'open-resolve']) {
    expect((await scene.slack.click('UONCALL', card, kind)).ephemeral?.text).toMatch(/already resolved/);
  }
  expect(viewOf(await scene.slack.click('UONCALL', card, 'open-note')).title.text).toBe('Note for INC-1');
});

test('report and handover by their buttons; a menu entry that the bot did not make names nothing', async () => {
  const scene = await openScene();
  const card = await withCard(scene);
  const click = async (action: string) => (await scene.slack.click('UONCALL', card, action)).ephemeral?.text;
  expect(await click('show-report')).toMatch(/^The report of INC-1 comes/);
  expect(await click('make-handover')).toMatch(/^How INC-1 stands comes/);
  const posted = await scene.slack.client().chat.postMessage({
    channel: 'CINCIDENTS',
    text: 'forged',
    blocks: JSON.stringify([
      actions('card', [
        overflow('incident-menu', [
          { text: 'a', value: 'toString:1' },
          { text: 'b', value: 'open-note:99' },
          { text: 'c', value: 'open-note:x' },
        ]),
      ]),
    ]) as never,
  });
  const forged = (await scene.slack.channel()).find(({ ts }) => ts === posted.ts);
  for (const value of ['toString:1', 'open-note:99', 'open-note:x']) {
    const answer = await scene.slack.click('UONCALL', forged ?? card, 'incident-menu', value);
    expect(answer.ephemeral?.text).toMatch(/^This does not exist any more/);
  }
});

test.each([
  ['severity', 'Severity of INC-1'],
  ['assign', 'Lead of INC-1'],
  ['note', 'Note for INC-1'],
  ['resolve INC-1', 'Resolve INC-1'],
])('`/latency %s` without more opens its dialog', async (text, title) => {
  const scene = await openScene();
  await scene.slack.command('UONCALL', 'api');
  const answer = await scene.slack.command('UONCALL', text);
  expect(viewOf(answer).title.text).toBe(title);
  expect(answer.ephemeral ?? null).toBeNull();
});

test('the shortcut from anywhere asks for the service, and opens its incident in its channel', async () => {
  const scene = await openScene();
  const opened = viewOf(await scene.slack.shortcut('UONCALL', 'start-incident'));
  expect((await scene.slack.submit('UONCALL', opened.id, { note: 'slow' })).errors).toEqual({
    service: 'Please complete this required field.',
  });
  const said = await scene.slack.submit('UONCALL', opened.id, { service: 'billing', note: 'all <slow>' });
  expect(JSON.stringify(viewOf(said).blocks)).toContain(
    'INC-1 is open: looking where the time of Billing goes',
  );
  await vi.waitFor(() => expect(scene.rung).toHaveLength(1));
  const { rows } = await scene.deps.db.query('select service, channel from incidents');
  expect(rows).toEqual([{ service: 'billing', channel: 'CDEBTFLOW' }]);
  expect(await timeline(scene, 'occasion')).toEqual([
    { actor: 'UONCALL', data: { text: 'all <slow>', url: null } },
  ]);
});

test('“Investigate latency” on a message: the incident of the channel, linked with the message', async () => {
  const scene = await openScene();
  const said = await scene.slack.say('UOBSERVER', 'the API is slow & ugly again');
  const ts = said.message?.ts ?? '';
  const answer = await scene.slack.shortcut('UONCALL', 'investigate-latency', ts);
  expect(answer.ephemeral?.text).toMatch(/^INC-1 is open/);
  expect(await timeline(scene, 'occasion')).toEqual([
    {
      actor: 'UONCALL',
      data: { text: 'the API is slow & ugly again', url: expect.stringContaining(ts.replace('.', '')) },
    },
  ]);
  expect((await scene.slack.shortcut('UAPPROVER', 'investigate-latency', ts)).ephemeral?.text).toMatch(
    /^INC-1 of DebtFlow API is already open/,
  );
});

test('“Investigate latency” in a channel of no service asks for it, with the words of the message', async () => {
  const scene = await openHandlersScene();
  const elsewhere = [...scene.deps.services].map(
    ([id, service]) => [id, { ...service, channel: 'CDEBTFLOW' }] as const,
  );
  await scene.connect({}, { services: new Map(elsewhere) });
  const said = await scene.slack.say('UOBSERVER', 'slow again');
  const opened = viewOf(await scene.slack.shortcut('UONCALL', 'investigate-latency', said.message?.ts ?? ''));
  const done = await scene.slack.submit('UONCALL', opened.id, { service: 'api' });
  expect(viewOf(done).title.text).toBe('INC-1');
  const { rows } = await scene.deps.db.query('select channel from incidents');
  expect(rows).toEqual([{ channel: 'CINCIDENTS' }]);
  expect((await timeline(scene, 'occasion'))[0]?.data.text).toBe('slow again');
});

test('“Add to timeline”: its text is there already; which incident is asked where several are open', async () => {
  const scene = await openScene();
  const said = await scene.slack.say('UOBSERVER', 'I restarted <worker> 3 & 4');
  const ts = said.message?.ts ?? '';
  const none = await scene.slack.shortcut('UONCALL', 'add-to-timeline', ts);
  expect(none.ephemeral?.text).toBe('No incident is open. Type `/latency` to open one.');
  await scene.slack.command('UONCALL', 'api');
  await scene.slack.command('UONCALL', 'billing');
  const opened = viewOf(await scene.slack.shortcut('UONCALL', 'add-to-timeline', ts));
  expect(opened.title.text).toBe('Add to timeline');
  await scene.slack.submit('UONCALL', opened.id, { incident: '2' });
  const { rows } = await scene.deps.db.query(
    `select incident_id as id, data ->> 'text' as text from timeline where kind = 'note'`,
  );
  expect(rows).toEqual([{ id: 2, text: 'I restarted <worker> 3 & 4' }]);
});

test('a message longer than a field is cut, and that is said', async () => {
  const scene = await openScene();
  await scene.slack.command('UONCALL', 'api');
  const said = await scene.slack.say('UOBSERVER', 'x'.repeat(3_500));
  const opened = viewOf(await scene.slack.shortcut('UONCALL', 'add-to-timeline', said.message?.ts ?? ''));
  expect(JSON.stringify(opened.blocks)).toContain('Only the first 3000 characters');
});

test('a trigger that has run out: Slack says that it failed, and where there is a channel the bot does', async () => {
  const scene = await openScene();
  await scene.slack.command('UONCALL', 'api');
  const said = await scene.slack.say('UOBSERVER', 'slow');
  scene.slack.sandbox.failures.set({ errors: { 'views.open': 'expired_trigger_id' } });
  const failed = { ok: false, error: 'operation_timeout' };
  expect(await scene.slack.shortcut('UONCALL', 'start-incident')).toMatchObject(failed);
  expect(await scene.slack.shortcut('UONCALL', 'add-to-timeline', said.message?.ts)).toMatchObject(failed);
  expect((await scene.slack.command('UONCALL', 'note')).ephemeral?.text).toMatch(/^That did not work/);
  const told = await privateMessages(scene.slack.url, 'UONCALL');
  expect(told.filter(({ text }) => text.startsWith('That did not work'))).toHaveLength(2);
});

test('a store that breaks is told in the dialog, and hides what is not for them', async () => {
  const scene = await openHandlersScene();
  const transaction = async () => {
    throw new Error('connection to postgres://u:hunter2@h lost');
  };
  await scene.connect({}, { db: { ...scene.deps.db, transaction } as typeof scene.deps.db });
  const opened = viewOf(await scene.slack.shortcut('UONCALL', 'start-incident'));
  const answer = await scene.slack.submit('UONCALL', opened.id, { service: 'api' });
  expect(viewOf(answer).title.text).toBe('Not done');
  expect(JSON.stringify(answer)).toContain('something unexpected went wrong');
  expect(JSON.stringify(answer)).not.toContain('hunter2');
  expect(await privateMessages(scene.slack.url, 'UONCALL')).toEqual([]);
});
