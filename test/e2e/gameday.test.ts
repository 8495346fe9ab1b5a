import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeUrl } from '../../rehearsal/product.ts';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';
import { openDatabase } from '../../src/store/database.ts';
import { type Gameday, lastGamedayOf, openGamedays } from '../../src/store/gamedays.ts';
import { type Running, run, temporaryDirectory, untilPrinted } from './helpers/processes.ts';
import { findAction, slotOf, textOf, workspaceAt } from './helpers/workspace.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let bot: Running;
let port: number;

beforeAll(async () => {
  directory = await temporaryDirectory();
  port = await freePort();
  bot = await start();
});

afterAll(async () => {
  await bot?.interrupt();
  await directory?.remove();
});

async function start(): Promise<Running> {
  const args = ['bin/latency-bot.mjs', 'start', '--state-dir', directory.path];
  const running = run(args, { PORT: String(port) });
  await untilPrinted(running, /^ready /m, 120_000);
  return running;
}

/** What the bot's store says; opened anew each time, for the bot is killed on the way. */
async function gameday(): Promise<Gameday | null> {
  const db = await openDatabase(await storeUrl(directory.path), () => undefined);
  try {
    return (await openGamedays(db))[0] ?? (await lastGamedayOf(db, 'debtflow-api'));
  } finally {
    await db.close();
  }
}

test('a game day outlives a kill -9 of the bot, and its thread tells what it was', async () => {
  const workspace = workspaceAt(`http://127.0.0.1:${port}`);
  const started = await workspace.command('UONCALL', 'gameday');
  expect(started.ephemeral?.text).toMatch(/^Game day: within 20 s something breaks/);
  await bot.kill();
  bot = await start();

  await expect.poll(async () => (await gameday())?.state, { timeout: 60_000, interval: 500 }).toBe('broken');
  const fault = (await gameday())?.fault ?? '';
  // Nothing is told before it is over: not by the panel, and no incident opens by itself.
  expect((await workspace.faults()).filter(({ on }) => on)).toEqual([]);
  expect(await workspace.channel()).toEqual([]);

  await workspace.command('UONCALL');
  const card = async () => (await workspace.channel())[0];
  const isDiagnosed = async () => {
    const shown = await card();
    return shown !== undefined && findAction(shown, 'look-again') !== null;
  };
  await expect.poll(isDiagnosed, { timeout: 60_000, interval: 250 }).toBe(true);
  expect(textOf((await card()) ?? { ts: '', text: '' })).not.toContain('Game day');

  await expect
    .poll(
      async () => {
        const shown = await card();
        if (shown && findAction(shown, 'resolve-incident')) {
          await workspace.click('UONCALL', shown, 'resolve-incident');
        }
        return (await gameday())?.state;
      },
      { timeout: 60_000, interval: 500 },
    )
    .toBe('over');
  const thread = async () => workspace.thread((await card())?.ts ?? '');
  const told = async () => (await thread()).find((message) => slotOf(message) === 'gameday');
  await expect.poll(told, { timeout: 30_000, interval: 250 }).toBeDefined();
  const text = textOf((await told()) ?? { ts: '', text: '' });
  expect(text).toContain(`\`${fault}\` broke`);
  expect(text).toMatch(/\*To acknowledge\*\\n\d+ s/);
});
