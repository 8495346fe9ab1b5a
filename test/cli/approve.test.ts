import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decideAtTerminal } from '../../src/cli/approve.ts';
import { freezeState } from '../../src/incidents/freeze.ts';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { approvalsOf, type MitigationRow } from '../../src/store/mitigations.ts';
import { audited, lives, now, offered, request } from '../incidents/offers.ts';
import { APPROVER, APPROVERS, ASKER, createWorld, type World } from '../incidents/world.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'latency-bot.mjs');
const SECRET = 'correct horse battery staple';
const OTHER = 'another secret of enough length';
const digest = (secret: string) => createHash('sha256').update(secret).digest('hex');

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

async function requested(approvals: Record<string, unknown> = {}) {
  const { session, mitigation } = await offered(world, {
    approvals: {
      approvers: [APPROVER, 'UMATE', APPROVERS],
      terminal: {
        [APPROVER]: digest(SECRET),
        UGROUPED: digest(OTHER),
        [ASKER]: digest('the secret of who asked it'),
      },
      ...approvals,
    },
  });
  return { session, row: await request(world, mitigation) };
}

async function decide(
  row: MitigationRow,
  {
    secret = SECRET,
    yes = true,
    as,
    deny = false,
  }: { secret?: string; yes?: boolean; as?: string; deny?: boolean } = {},
) {
  const shown: string[] = [];
  const services = [...world.deps.services.values()];
  const decided = await decideAtTerminal(world.db, services, {
    mitigationId: row.id,
    decision: deny ? 'deny' : 'approve',
    as,
    terminal: {
      secret: async () => secret,
      confirm: async (question) => {
        shown.push(question);
        return yes;
      },
    },
    show: (text) => void shown.push(text),
  });
  return { ...decided, shown: shown.join('\n') };
}

test('without Slack: an approver proves who they are, sees target, dry run and policy, and the bot carries it out', async () => {
  const { session, row } = await requested();
  world.people.down = true;
  const decided = await decide(row);
  expect(decided).toMatchObject({ refused: false, words: 'approved; the running bot carries it out' });
  expect(decided.shown).toMatch(/target {5}pid \d+/);
  expect(decided.shown).toMatch(/dry run/);
  expect(decided.shown).toContain(`asked by   ${ASKER}: it blocks the API`);
  expect(decided.shown).toContain(`0 of 1, by ${APPROVER}, UMATE (1 user groups, which only Slack can tell)`);
  expect(decided.shown).toContain(`Approve this as ${APPROVER}?`);
  expect(await approvalsOf(world.db, row.id)).toMatchObject([{ userId: APPROVER, via: 'terminal' }]);

  world.bell.actions.length = 0;
  await sweep(world.deps, { starting: false });
  expect(world.bell.actions).toContain(row.id);
  await executeMitigation(world.deps, row.id);
  world.people.down = false;
  expect((await now(world, row)).state).toBe('succeeded');
  expect(await lives(world, session)).toBe(false);
});

test('the same policy: not the own request, not by a group that only Slack knows', async () => {
  const { row } = await requested({ approvers: [APPROVER, ASKER, APPROVERS] });
  expect(await decide(row, { secret: 'the secret of who asked it' })).toMatchObject({
    refused: true,
    words: expect.stringContaining('somebody else has to approve'),
  });
  expect(await decide(row, { secret: OTHER })).toMatchObject({
    refused: true,
    words: expect.stringMatching(/^You may not approve this\. It is for UBOSS/),
  });
  expect((await now(world, row)).state).toBe('requested');
  expect(await audited(world, `mitigation:${row.id}`)).toEqual([
    'mitigation.requested',
    'mitigation.refused',
    'mitigation.refused',
  ]);
});

test('a wrong secret, one of somebody else, and one that is too short prove nobody', async () => {
  const { row } = await requested();
  await expect(decide(row, { secret: 'x'.repeat(30) })).rejects.toThrow(
    /nobody whom the configuration names/,
  );
  await expect(decide(row, { as: 'UGROUPED' })).rejects.toThrow(/not UGROUPED/);
  await expect(decide(row, { secret: 'short' })).rejects.toThrow(/at least 20 characters/);
  const { row: none } = await requested({ terminal: {} });
  await expect(decide(none)).rejects.toThrow(/nobody may decide at a terminal/);
  expect(await approvalsOf(world.db, row.id)).toEqual([]);
});

test('without a yes nothing is decided; a no denies', async () => {
  const { row } = await requested();
  expect(await decide(row, { yes: false })).toMatchObject({
    refused: true,
    words: 'not confirmed; nothing was decided',
  });
  expect((await now(world, row)).state).toBe('requested');
  expect(await decide(row, { deny: true })).toMatchObject({
    refused: false,
    words: 'denied; nothing will be done',
  });
  expect((await now(world, row)).state).toBe('denied');
  expect(await decide(row)).toMatchObject({ refused: true, words: expect.stringContaining('it was denied') });
});

test('who is taken out of the configuration before it starts does not count any more', async () => {
  const { session, row } = await requested();
  await decide(row);
  const service = world.deps.services.get(row.service);
  if (!service) throw new Error('no service');
  service.approvals = { ...service.approvals, terminal: {} };
  await executeMitigation(world.deps, row.id);
  expect(await now(world, row)).toMatchObject({ state: 'failed', claim: null });
  expect(await lives(world, session)).toBe(true);
});

test('the command itself: lists, asks for a yes, decides, and says by its exit code whether it did', async () => {
  const { row } = await requested();
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-approve-'));
  const file = join(dir, 'latency-bot.yml');
  const service = {
    ...{ title: 'API', channel: 'C1', targets: {} },
    approvals: { approvers: [APPROVER], terminal: { [APPROVER]: digest(SECRET) } },
  };
  await writeFile(file, JSON.stringify({ services: { [row.service]: service } }));
  const run = (args: string[], input = '') =>
    new Promise<{ code: number; stdout: string }>((done) => {
      const env = { ...process.env, DATABASE_URL: world.store.appUrl, LATENCY_BOT_APPROVER_SECRET: SECRET };
      const child = execFile(process.execPath, [BIN, ...args, '--config', file], { env }, (error, stdout) =>
        done({ code: Number(error?.code ?? 0), stdout }),
      );
      child.stdin?.end(input);
    });
  try {
    expect((await run(['approvals'])).stdout).toContain(`${row.id}  INC-${row.incidentId}  ${row.service}`);
    expect(await run(['approve', String(row.id)], 'no\n')).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('not confirmed'),
    });
    const approved = await run(['approve', String(row.id), '--as', APPROVER], 'yes\n');
    expect(approved).toMatchObject({ code: 0, stdout: expect.stringContaining('approved; the running bot') });
    expect(await run(['approve', String(row.id)], 'yes\n')).toMatchObject({ code: 4 });
    expect((await run(['freeze', 'failover', 'under', 'way'])).code).toBe(0);
    expect(await freezeState(world.db)).toMatchObject({ by: APPROVER, reason: 'failover under way' });
    expect((await run(['unfreeze'])).code).toBe(0);
    expect((await run(['unfreeze'])).code).toBe(4);
    expect((await run(['approve', '999999'], 'yes\n')).code).toBe(1);
  } finally {
    await rm(dir, { recursive: true });
  }
  expect((await now(world, row)).state).toBe('approved');
}, 240_000);
