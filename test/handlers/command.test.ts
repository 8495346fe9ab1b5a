import { expect, test, vi } from 'vitest';
import { openHandlersScene } from '../helpers/handlers-scene.ts';

test('/latency answers privately, within 3 s, whatever is typed', async () => {
  const { slack, rung, connect, deps } = await openHandlersScene();
  await connect();
  const shown = async (text: string) => {
    const begin = performance.now();
    const answer = await slack.command('UONCALL', text);
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect(answer).toMatchObject({ ok: true });
    return answer.ephemeral?.text ?? '';
  };
  expect(await shown('help')).toMatch(
    /finds out why the API is slow[\s\S]*`api` \(DebtFlow API\), `billing` \(Billing\)/,
  );
  expect(await shown('status')).toBe('No incident is open.');
  expect(await shown('  HELP ')).toContain('finds out why');
  const unknown = await shown('frobnicate <!channel> `x`');
  expect(unknown).toContain('There is no service or command');
  expect(unknown).not.toMatch(/<!|``/);
  expect(unknown).toContain('/latency help');
  expect(rung).toEqual([]);

  // CINCIDENTS is the channel of one service only.
  expect(await shown('')).toMatch(/^INC-1 is open: looking where the time of DebtFlow API goes/);
  expect(await shown('api')).toMatch(/^INC-1 of DebtFlow API is already open/);
  expect(await shown('billing')).toMatch(/^INC-2 is open/);
  expect(await shown('status')).toMatch(/\*INC-2\* Billing[\s\S]*\*INC-1\* DebtFlow API/);
  await vi.waitFor(() => expect(rung).toHaveLength(2));
  const { rows } = await deps.db.query<{ service: string; lead: string; alerts: number }>(
    'select service, lead, alert_count as alerts from incidents order by id',
  );
  expect(rows).toEqual([
    { service: 'api', lead: 'UONCALL', alerts: 2 },
    { service: 'billing', lead: 'UONCALL', alerts: 1 },
  ]);
});

test('ten people who type it at once have one incident and one run', async () => {
  const { slack, rung, connect, deps } = await openHandlersScene();
  await connect();
  const people = ['UONCALL', 'UAPPROVER', 'UOBSERVER'] as const;
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => slack.command(people[i % 3] ?? 'UONCALL', 'api')),
  );
  expect(answers.map((answer) => answer.ephemeral?.text.includes('INC-1 '))).toEqual(Array(10).fill(true));
  expect(new Set(rung).size).toBe(1);
  const { rows } = await deps.db.query('select alert_count as n from incidents');
  expect(rows).toEqual([{ n: 10 }]);
});

test('a listener that breaks tells the one who acted, in words, and hides what is not for them', async () => {
  const { slack, connect, deps } = await openHandlersScene();
  const broken = {
    ...deps.db,
    query: async () => {
      throw new Error('relation "incidents" of postgres://u:hunter2@h does not exist');
    },
  };
  await connect({}, { db: broken as typeof deps.db });
  const answer = await slack.command('UONCALL', 'status');
  const told = JSON.stringify(answer);
  expect(told).toContain('That did not work: something unexpected went wrong');
  expect(told).not.toMatch(/relation|hunter2/);
});

test('the home tab shows what is open', async () => {
  const { slack, connect } = await openHandlersScene();
  await connect();
  await slack.command('UONCALL', 'api');
  const response = await fetch(`${slack.url}/sandbox/act`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ as: 'UOBSERVER', do: 'home' }),
  });
  expect(JSON.stringify(await response.json())).toContain('*INC-1* DebtFlow API');
});
