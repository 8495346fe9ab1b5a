import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/handlers/commands/index.ts';
import { mentionedUser, plainWords, splitWords } from '../../src/handlers/commands/words.ts';
import { type HandlersScene, openHandlersScene } from '../helpers/handlers-scene.ts';
import { openWithCard } from '../helpers/in-thread.ts';

type Who = 'UONCALL' | 'UAPPROVER' | 'UOBSERVER';

async function openScene() {
  const scene = await openHandlersScene();
  await scene.connect();
  const type = async (text: string, as: Who = 'UONCALL') =>
    (await scene.slack.command(as, text)).ephemeral?.text ?? '';
  return { ...scene, type };
}

const timeline = async ({ deps }: Pick<HandlersScene, 'deps'>, kind: string) =>
  (
    await deps.db.query<{ actor: string; data: Record<string, unknown> }>(
      'select actor, data from timeline where kind = $1 order by id',
      [kind],
    )
  ).rows;

test('the help names every command with what may follow; an unknown word gets the nearest', async () => {
  const { type } = await openScene();
  const help = await type('help');
  for (const { name, does } of COMMANDS) {
    expect(help).toContain(`/latency ${name}`);
    expect(help).toContain(does);
  }
  expect(help).toContain('`/latency explain &lt;fingerprint&gt; [service]`');
  expect(await type('hisotry')).toMatch(
    /^There is no service or command `hisotry`\. Did you mean `history`\?\n/,
  );
  expect(await type('biling')).toContain('Did you mean `billing`?');
  expect(await type('history biling')).toMatch(/^There is no service `biling`\. Did you mean `billing`\?/);
});

test.each(['severity P1 all is lost', 'assign me', 'note hello', 'resolve', 'report', 'handover'])(
  'with nothing open, “%s” says how to open an incident',
  async (text) => {
    const { type } = await openScene();
    expect(await type(text)).toBe('No incident is open. Type `/latency` to open one.');
    expect(await type(`${text} INC-77`)).toMatch(/^There is no INC-77\./);
  },
);

test('severity: with a reason, by one who may', async () => {
  const scene = await openScene();
  await scene.type('api');
  expect(await scene.type('severity P1 customers cannot pay & wait', 'UOBSERVER')).toMatch(/^You may not/);
  expect(await scene.type('severity p1 customers cannot pay & wait')).toBe('INC-1 is P1 now.');
  expect(await scene.type('severity P9 x')).toMatch(/^P1 or P2\? `\/latency severity &lt;P1\|P2&gt;/);
  expect(await scene.type('severity P1')).toMatch(/^Say why\./);
  expect(await timeline(scene, 'severity')).toMatchObject([
    { actor: 'UONCALL', data: { to: 'P1', reason: 'customers cannot pay & wait' } },
  ]);
});

test('assign: a mentioned person, or oneself', async () => {
  const scene = await openScene();
  await scene.type('api');
  expect(await scene.type('assign @Amir Haddad')).toBe('<@UAPPROVER> leads INC-1 now.');
  expect(await scene.type('assign me')).toBe('<@UONCALL> leads INC-1 now.');
  expect(await scene.type('assign somebody')).toMatch(/^Who\? Mention one person\./);
  // The bot is nobody who leads.
  expect(await scene.type('assign @Latency Bot')).toMatch(/^Only full members/);
});

test('note: kept as it was typed, of the incident that is named', async () => {
  const scene = await openScene();
  await scene.type('api');
  await scene.type('billing');
  expect(await scene.type('note rolled back a < b, see https://example.com/x INC-2')).toBe(
    'Added to the timeline of INC-2.',
  );
  const { rows } = await scene.deps.db.query(
    `select incident_id as id, data ->> 'text' as text from timeline where kind = 'note'`,
  );
  expect(rows).toEqual([{ id: 2, text: 'rolled back a < b, see https://example.com/x' }]);
});

test('resolve: with words; afterwards everything says that it is over', async () => {
  const scene = await openScene();
  await scene.type('api');
  expect(await scene.type('resolve the report was stopped')).toBe('INC-1 is resolved.');
  expect((await timeline(scene, 'resolved'))[0]?.data).toMatchObject({ words: 'the report was stopped' });
  for (const text of ['resolve', 'severity P1 x', 'assign me']) {
    expect(await scene.type(`${text} INC-1`)).toMatch(/already resolved/);
  }
  expect(await scene.type('note written later INC-1')).toBe('Added to the timeline of INC-1.');
});

test('report and handover come into the thread', async () => {
  const scene = await openScene();
  await scene.type('api');
  expect(await scene.type('report')).toBe('The report of INC-1 comes into its thread in <#CINCIDENTS>.');
  expect(await scene.type('handover INC-1')).toBe('How INC-1 stands comes into its thread in <#CINCIDENTS>.');
  expect(await scene.type('report', 'UOBSERVER')).toMatch(/^You may not/);
  expect((await timeline(scene, 'report-asked')).length).toBe(1);
  expect((await timeline(scene, 'handover')).length).toBe(1);
});

test('freeze needs a reason, and unfreeze an approver', async () => {
  const { type } = await openScene();
  expect(await type('freeze')).toMatch(/^Say why\. `\/latency freeze/);
  expect(await type('unfreeze', 'UAPPROVER')).toBe('Changes are not frozen.');
  expect(await type('freeze we are failing over')).toMatch(
    /^<@UONCALL> has frozen all changes: we are failing over/,
  );
  expect(await type('freeze again')).toMatch(/^Changes are frozen already, by <@UONCALL>/);
  expect(await type('unfreeze', 'UOBSERVER')).toMatch(/^You may not/);
  expect(await type('unfreeze', 'UAPPROVER')).toMatch(/^Changes are possible again/);
});

test('undo: nothing to take back, and a number that there is not', async () => {
  const { type } = await openScene();
  expect(await type('undo')).toBe('Nothing that the bot changed can be taken back now.');
  expect(await type('undo 12')).toMatch(/^This does not exist any more/);
  expect(await type('undo everything')).toMatch(/^Which one\? Name its number\./);
});

test('history: cause, duration, what was done, and where it stands', async () => {
  const scene = await openScene();
  expect(await scene.type('history')).toBe('DebtFlow API has had no incident yet.');
  const card = await openWithCard(scene);
  const diagnosis = {
    verdict: 'cause-found',
    causes: [
      { id: 'lock-idle-in-tx', status: 'found' },
      { id: 'pool-starvation', status: 'found' },
    ],
  };
  await scene.deps.db.query('update runs set diagnosis = $1', [JSON.stringify(diagnosis)]);
  await scene.deps.db.query(
    `insert into mitigations (incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run, state)
     select 1, id, 'api', 'lock-idle-in-tx', 'terminate-backend', 'Terminate pid <4242>', 'medium', '{}', 'f00d', '{}', 'verified'
     from runs limit 1`,
  );
  await scene.deps.db.query(
    `update incidents set state = 'resolved', resolved_at = opened_at + interval '190 seconds', worst_p95_ms = 4200`,
  );
  const text = await scene.type('history');
  expect(text).toContain('*The last incidents of DebtFlow API*');
  expect(text).toContain(card.ts.replace('.', ''));
  expect(text).toMatch(
    /\|INC-1>.*P2, 3 min 10 s: `lock-idle-in-tx`, worst p95 4\.2 s; Terminate pid &lt;4242&gt;/,
  );
  expect(await scene.type('history billing')).toBe('Billing has had no incident yet.');
  // Without the address it is still told.
  scene.slack.sandbox.failures.set({ errors: { 'chat.getPermalink': 'internal_error' } });
  expect(await scene.type('history')).toMatch(/• INC-1 .*lock-idle-in-tx/);
});

test.each([
  ['a &lt;b&gt; &amp;amp; c', 'a <b> &amp; c'],
  ['ask <@UONCALL|olivia> in <#CINCIDENTS|incidents>', 'ask @olivia in #incidents'],
  [
    '<!subteam^SONCALL|@oncall> see <https://example.com/?a=1&amp;b=2|here>',
    '@oncall see https://example.com/?a=1&b=2',
  ],
  ['<@UONCALL>', '<@UONCALL>'],
])('words in plain text: %s', (sent, plain) => expect(plainWords(sent)).toBe(plain));

test.each([
  ['note INC-7 hello there', { words: ['note', 'hello', 'there'], incidentId: 7 }],
  ['  resolve\t inc-12 ', { words: ['resolve'], incidentId: 12 }],
  ['note INC-7x INC-', { words: ['note', 'INC-7x', 'INC-'], incidentId: null }],
  ['', { words: [], incidentId: null }],
])('the incident that “%s” names', (text, split) => expect(splitWords(text)).toEqual(split));

test('only a mention of a person is a person', () => {
  expect(mentionedUser('<@UONCALL|olivia>')).toBe('UONCALL');
  for (const word of [
    undefined,
    'UONCALL',
    '<@SONCALL>',
    '<@UONCALL> <@UAPPROVER>',
    '<#CINCIDENTS>',
    '@olivia',
  ])
    expect(mentionedUser(word)).toBeNull();
});
