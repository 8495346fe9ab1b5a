import { expect, onTestFinished, test, vi } from 'vitest';
import { nearest } from '../../src/handlers/nearest.ts';
import { PROBE_LIST } from '../../src/incidents/probe-report.ts';
import { saveReport } from '../../src/store/runs.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { wordsOf } from '../helpers/block-text.ts';
import { type HandlersScene, openHandlersScene } from '../helpers/handlers-scene.ts';
import { privateMessages } from '../helpers/private-messages.ts';
import { createTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

/** Types it, and returns the immediate answer, which is there within Slack's 3 s. */
async function type(scene: HandlersScene, text: string): Promise<string> {
  const begin = performance.now();
  const answer = await scene.slack.command('UONCALL', text);
  expect(performance.now() - begin).toBeLessThan(3_000);
  expect(answer).toMatchObject({ ok: true });
  return answer.ephemeral?.text ?? '';
}

const shownTo = async (scene: HandlersScene) =>
  (await privateMessages(scene.slack.url, 'UONCALL')).map(({ text, blocks }) => ({
    text,
    words: blocks ? wordsOf(blocks) : '',
  }));

/** The private message with these words, once it is there. */
const untilShown = (scene: HandlersScene, words: RegExp) =>
  vi.waitFor(
    async () => {
      const found = (await shownTo(scene)).find((one) => words.test(one.text) && one.words !== '');
      if (!found) throw new Error(`no ${words}`);
      return found;
    },
    { timeout: 8_000, interval: 50 },
  );

test('alone it lists the probes; a name that there is not gets the nearest one', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const list = await type(scene, 'probe');
  for (const { id, title } of PROBE_LIST) expect(list).toContain(`• \`${id}\`: ${title}`);
  expect(list).toContain('*Step 2* Check database performance');
  expect(await type(scene, 'probe lock-tre')).toMatch(
    /^There is no probe `lock-tre`\. Did you mean `lock-tree`\?/,
  );
  const odd = await type(scene, 'probe <!channel>`x` api');
  expect(odd).not.toMatch(/<!|``/);
  expect(odd).toContain('`active-queries`');
  expect(await type(scene, 'probe lock-tree nothing')).toContain('There is no service `nothing`');
  expect(await type(scene, 'help')).toContain('`/latency probe [probe] [service]`');
  expect(scene.rung).toEqual([]);
});

test('with no incident open the report comes privately, and nothing is kept', async () => {
  const scene = await openHandlersScene();
  const database = await createTestDatabase();
  const targets = openTargets(serviceOn(database));
  onTestFinished(async () => {
    await targets.close();
    await database.close();
  });
  await scene.connect({}, { targets: () => targets });
  expect(await type(scene, 'probe connection-pool')).toMatch(
    /^Looking at DebtFlow API: Connection slots \(`connection-pool`\), about 1 s\. No incident is open/,
  );
  const { text, words } = await untilShown(scene, /^Connection slots: \d+ of \d+ connection slots/);
  expect(text).toMatch(/are in use/);
  expect(words).toContain('step 5 (Check connection pool status)');
  for (const what of ['incidents', 'runs', 'reports', 'timeline', 'audit']) {
    expect((await scene.deps.db.query(`select from ${what}`)).rowCount).toBe(0);
  }
});

test('a probe whose target is not configured says so, privately', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  await type(scene, 'PROBE lock-tree  billing');
  const { text } = await untilShown(scene, /Did not look/);
  expect(text).toContain('not configured for this service: PostgreSQL. Nothing is ruled out by this.');
});

test('with an open incident it is a run of that incident', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const { db } = scene.deps;
  await type(scene, 'api');
  await vi.waitFor(() => expect(scene.rung).toHaveLength(1));
  expect(await type(scene, 'probe lock-tree')).toMatch(/^Run 1 is under way and is looking at it/);

  const head = { probeId: 'lock-tree', step: 2, startedAt: new Date().toISOString(), durationMs: 12 };
  await saveReport(db, 1, { ...head, status: 'failed', reason: 'no answer within 4.8 s', code: 'x' });
  expect(await type(scene, 'probe lock-tree api')).toMatch(/^Run 1 is under way and has looked already/);
  expect((await untilShown(scene, /Could not look/)).words).toContain('no answer within 4.8 s');

  await db.query("update runs set state = 'finished', finished_at = now()");
  expect(await type(scene, 'probe lock-tree')).toMatch(
    /^Run 2 looks: Lock waits and who causes them \(`lock-tree`\)\. The report comes into the thread of INC-1 in <#CINCIDENTS>/,
  );
  const { rows } = await db.query('select kind, requested_by as by from runs order by id desc limit 1');
  expect(rows).toEqual([{ kind: 'probe', by: 'UONCALL' }]);
  expect(await type(scene, 'probe active-queries')).toMatch(
    /^Something else of DebtFlow API is being looked/,
  );

  // Somebody who wants a whole run meanwhile is told how to get it.
  await type(scene, 'api');
  await vi.waitFor(async () =>
    expect((await shownTo(scene)).map(({ text }) => text)).toContainEqual(
      expect.stringContaining('A single probe is looking just now'),
    ),
  );
});

test('a store that is slow to answer does not keep the acknowledgement back', async () => {
  const scene = await openHandlersScene();
  const slow = { ...scene.deps.db };
  slow.query = async (text, values) => {
    await scene.deps.db.query('select pg_sleep(2.6)');
    return scene.deps.db.query(text, values);
  };
  await scene.connect({}, { db: slow });
  expect(await type(scene, 'probe lock-tree')).toMatch(/^Taken: Lock waits and who causes them/);
  await untilShown(scene, /Did not look/);
});

test.each([
  ['lock-tre', 'lock-tree'],
  ['locktree', 'lock-tree'],
  ['lcok-tree', 'lock-tree'],
  ['pool', 'connection-pool'],
  ['xyzzy', null],
  ['', null],
  ['a'.repeat(5_000), null],
])('the name nearest to %s', (word, name) => {
  expect(nearest(word, ['lock-tree', 'connection-pool', 'active-queries', 'redis'])).toBe(name);
});
