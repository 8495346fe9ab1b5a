import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { explain } from '../../src/probes/explain.ts';
import { insertRun, saveReport } from '../../src/store/runs.ts';
import { safeQuery } from '../../src/targets/query-text.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { wordsOf } from '../helpers/block-text.ts';
import { type HandlersScene, openHandlersScene } from '../helpers/handlers-scene.ts';
import { openWithCard } from '../helpers/in-thread.ts';
import { privateMessages } from '../helpers/private-messages.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

const BY_ACCOUNT = 'select * from payments_payment where account_id = $1';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.query('create extension pg_stat_statements');
  const app = await database.openSession('migrate');
  await app.query('create table payments_payment (id int primary key, account_id int not null, note text)');
  await app.query(
    `insert into payments_payment select i, i % 60000, 'note' from generate_series(1, 300000) i`,
  );
  await app.query('analyze payments_payment');
  await app.query(`grant select on payments_payment to ${new URL(database.probeUrl).username}`);
  await app.end();
});
afterAll(() => database.close());

/** The product's listeners, with `api` on the test database. */
async function openScene(): Promise<HandlersScene> {
  const scene = await openHandlersScene();
  const service = { ...serviceOn(database, { title: 'DebtFlow API', channel: 'CINCIDENTS' }), id: 'api' };
  const targets = openTargets(service);
  onTestFinished(() => targets.close());
  const billing = scene.deps.services.get('billing');
  if (!billing) throw new Error('the scene lost a service');
  const services = new Map([
    ['api', service],
    ['billing', billing],
  ]);
  await scene.connect({}, { services, targets: () => targets });
  return scene;
}

const type = async ({ slack }: HandlersScene, text: string) =>
  (await slack.command('UONCALL', text)).ephemeral?.text ?? '';

/** The private message with blocks that says this, once it is there. */
const untilShown = ({ slack }: HandlersScene, words: RegExp) =>
  vi.waitFor(
    async () => {
      const shown = await privateMessages(slack.url, 'UONCALL');
      const found = shown.find(({ blocks }) => blocks && words.test(wordsOf(blocks)));
      if (!found) throw new Error(`no ${words} among ${JSON.stringify(shown.map(({ text }) => text))}`);
      return wordsOf(found.blocks ?? []);
    },
    { timeout: 20_000, interval: 100 },
  );

/** A run of the incident whose report of the statements names this one. */
async function withTopStatement({ deps }: HandlersScene, sql: string): Promise<string> {
  const query = await safeQuery(sql);
  const head = { incidentId: 1, service: 'api', requestedBy: 'UONCALL', mitigationId: null };
  const run = await insertRun(deps.db, { ...head, kind: 'triage', deadlineMs: 60_000 }, [
    { id: 'top-statements', step: 2 },
  ]);
  if (!run) throw new Error('a run is under way');
  const statement = {
    ...{
      fingerprint: query.fingerprint,
      queryIds: ['1'],
      role: 'app',
      isApplication: true,
      query,
      calls: 10,
    },
    ...{ callsPerSecond: 10, meanMs: 40, averageActive: 0.4, share: 0.9, rowsPerCall: 5, sharedBlksHit: 1 },
    ...{
      sharedBlksRead: 0,
      sharedBlksDirtied: 0,
      tempBlksRead: 0,
      tempBlksWritten: 0,
      walBytes: 0,
      ioMs: null,
    },
    ...{ earlierMeanMs: null, normal: null, meanFactor: null, isNew: null },
  };
  const report = {
    windowMs: 1_000,
    statements: [statement],
    leftOut: 0,
    total: { calls: 10, totalMs: 400, averageActive: 0.4 },
    byRole: [{ role: 'app', isApplication: true, calls: 10, averageActive: 0.4, share: 1 }],
    own: { role: 'probe', calls: 0, averageActive: 0 },
    baseline: null,
    notSeen: [],
  };
  const startedAt = new Date().toISOString();
  const saved = await saveReport(deps.db, run.id, {
    ...{ probeId: 'top-statements', step: 2, status: 'answered', startedAt, durationMs: 5, report },
  });
  expect(saved).toBe(true);
  await deps.db.query(`update runs set state = 'finished', finished_at = now()`);
  return query.fingerprint ?? '';
}

test('alone it lists the statements seen last; what is no fingerprint is said', async () => {
  const scene = await openScene();
  expect(await type(scene, 'explain')).toMatch(/^No statement of DebtFlow API has been seen yet\./);
  await openWithCard(scene);
  const fingerprint = await withTopStatement(scene, BY_ACCOUNT);
  const list = await type(scene, 'explain');
  expect(list).toContain(`• \`${fingerprint}\` select ∗ from payments_payment where account_id = $1`);
  expect(await type(scene, 'explain <!channel>`x`')).toMatch(/^`channelx` is no fingerprint/);
  expect(await type(scene, 'explain abc')).toMatch(/^`abc` is no fingerprint/);
  expect(await type(scene, `explain ${fingerprint} nowhere`)).toMatch(/^There is no service `nowhere`/);
});

test('a statement that only its time is known of is planned now, by the start of its fingerprint', async () => {
  const scene = await openScene();
  await openWithCard(scene);
  const fingerprint = await withTopStatement(scene, BY_ACCOUNT);
  expect(await type(scene, `explain ${fingerprint.slice(0, 8).toUpperCase()}`)).toMatch(
    /^Planning it now on the database of DebtFlow API/,
  );
  const words = await untilShown(scene, /1 plan was looked at/);
  expect(words).toMatch(/reads all 300,000 rows of payments_payment/);
  expect(words).toMatch(/CREATE INDEX CONCURRENTLY/i);
  // Nothing of it is kept.
  const kept = await scene.deps.db.query(
    `select from reports where probe_id = 'explain' and status = 'answered'`,
  );
  expect(kept.rowCount).toBe(0);
});

test('the newest stored plan is shown, alone, with the run that it is of', async () => {
  const scene = await openScene();
  await openWithCard(scene);
  const suspects = { payments: BY_ACCOUNT, lookup: 'select * from payments_payment where id = $1' };
  const service = serviceOn(database, { targets: { postgres: { url: database.probeUrl, suspects } } });
  const report = await withTargets(service, (targets) => reportOf(explain, service, targets, 300));
  const fingerprint = report.statements.find(({ name }) => name === 'payments')?.query.fingerprint ?? '';
  const head = { incidentId: 1, service: 'api', requestedBy: 'UONCALL', mitigationId: null };
  const run = await insertRun(scene.deps.db, { ...head, kind: 'triage', deadlineMs: 60_000 }, [
    { id: 'explain', step: 4 },
  ]);
  const startedAt = new Date().toISOString();
  await saveReport(scene.deps.db, run?.id ?? 0, {
    ...{ probeId: 'explain', step: 4, status: 'answered', startedAt, durationMs: 5, report },
  });
  await scene.slack.command('UONCALL', `explain ${fingerprint}`);
  const words = await untilShown(scene, /1 plan was looked at/);
  expect(words).toContain(`of run ${run?.id}`);
  expect(words).not.toContain('lookup');
});

test('a statement that nobody knows is looked for, and not finding it rules nothing out', async () => {
  const scene = await openScene();
  expect(await type(scene, 'explain 0123456789abcdef')).toMatch(/^Planning it now/);
  expect(await untilShown(scene, /Could not look/)).toMatch(
    /no statement with this fingerprint ran for a second or more/,
  );
});

test('while a run is under way it does not look beside it', async () => {
  const scene = await openScene();
  await type(scene, 'api');
  await vi.waitFor(() => expect(scene.rung).toHaveLength(1));
  expect(await type(scene, 'explain 0123456789abcdef')).toMatch(
    /^Something else of DebtFlow API is being looked/,
  );
});
