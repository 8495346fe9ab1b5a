import { connect } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';
import { launchChromium, screenshot } from './helpers/browser.ts';
import { type Running, run, temporaryDirectory, untilPrinted } from './helpers/processes.ts';
import { cleanUp, untilLong } from './helpers/story.ts';
import { workspaceAt } from './helpers/workspace.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let port: number;
let bot: Running;
let browser: Browser;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  directory = await temporaryDirectory();
  port = await freePort();
  bot = await start();
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(`http://127.0.0.1:${port}/`);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await bot?.interrupt();
  await directory?.remove();
});

/** What `npm start` runs. */
async function start(): Promise<Running> {
  const began = Date.now();
  const running = run(['bin/latency-bot.mjs', 'start', '--state-dir', directory.path], {
    PORT: String(port),
  });
  await untilPrinted(running, /^ready http:\/\/127\.0\.0\.1:\d+$/m, 60_000);
  console.log(`ready after ${Date.now() - began} ms`);
  return running;
}

const workspace = () => workspaceAt(`http://127.0.0.1:${port}`);
const button = (action: string) => page.locator(`[data-action-id^="${action}"]`);

async function actAs(user: 'UONCALL' | 'UAPPROVER' | 'UOBSERVER'): Promise<void> {
  await page.getByTestId(`user-${user}`).click();
  await page.getByTestId('channel-CINCIDENTS').click();
}

async function openNewestThread(): Promise<void> {
  await page.getByTestId('thread').last().click();
  await page.getByTestId('thread-pane').waitFor();
}

/** Opens the fault's group on the panel. */
async function showFault(name: string): Promise<void> {
  const group = page.locator('.fault-group').filter({ has: page.getByTestId(`fault-${name}`) });
  const heading = group.getByTestId(/^fault-group-/);
  if ((await heading.getAttribute('aria-expanded')) === 'false') await heading.click();
}

describe.each([
  {
    fault: 'idle-in-transaction',
    cause:
      /pid \d+ \(celery: reconcile_payments\) has been idle in transaction for .* and \d+ sessions? waits?/,
    verb: 'Terminate',
    ruledOut: 'long-running-query',
  },
  {
    fault: 'long-report-query',
    cause: /pid \d+ \(debtflow-report\) has been running one statement for/,
    verb: 'Cancel',
    ruledOut: 'lock-idle-in-tx',
  },
])('the story of $fault, in the browser', ({ fault, cause, verb, ruledOut }) => {
  test('from the fault to the resolved incident', async () => {
    await expect.poll(() => workspace().p95Ms(), { timeout: 40_000, interval: 200 }).toBeLessThan(200);
    await actAs('UONCALL');
    await showFault(fault);
    await page.getByTestId(`fault-${fault}`).click();
    const since = Date.now();
    await expect.poll(() => workspace().p95Ms(), { timeout: 30_000, interval: 100 }).toBeGreaterThan(200);
    if (fault === 'long-report-query') await untilLong(since);

    const cards = page
      .locator('section.channel [data-testid^="message-"]')
      .filter({ hasText: /INC-\d+ · DebtFlow API/ });
    const before = await cards.count();
    await page.getByTestId('composer').fill('/latency');
    await page.getByTestId('composer').press('Enter');
    await expect.poll(() => cards.count(), { timeout: 5_000 }).toBe(before + 1);
    await screenshot(page, `${fault}-1-opened`);

    const card = cards.last();
    // A machine without a free CPU may leave the first look without an answer: then people look again.
    const lookedAt = async () => {
      const words = (await card.textContent()) ?? '';
      const again = card.locator('[data-action-id^="look-again"]');
      if (!cause.test(words) && /Verdict/.test(words) && (await again.count()) > 0) await again.click();
      return words;
    };
    await expect.poll(lookedAt, { timeout: 90_000, interval: 2_000 }).toMatch(cause);
    const text = await card.textContent();
    expect(text).toMatch(/Where requests are/);
    expect(text).toMatch(/Ruled out/);
    await openNewestThread();
    await expect.poll(() => page.getByTestId('thread-pane').textContent()).toMatch(/p95 by view/);
    await expect.poll(() => page.getByTestId('thread-pane').textContent()).toContain(ruledOut);
    await screenshot(page, `${fault}-2-diagnosed`);

    await button('request-mitigation').first().click();
    const dialog = page.getByTestId('modal');
    await dialog.waitFor();
    expect(await dialog.textContent()).toMatch(/Dry run/);
    await dialog.locator('textarea, input').first().fill('Payments are timing out');
    await screenshot(page, `${fault}-3-dialog`);
    await page.getByTestId('modal-submit').click();

    // The one who asked may not approve.
    await button('approve-mitigation').click();
    await page.getByTestId('confirm-ok').click();
    await expect
      .poll(() => page.locator('body').textContent(), { timeout: 5_000 })
      .toMatch(/You may not approve this/);

    await actAs('UAPPROVER');
    await openNewestThread();
    await screenshot(page, `${fault}-4-approval`);
    await button('approve-mitigation').click();
    await page.getByTestId('confirm-ok').click();
    const thread = page.getByTestId('thread-pane');
    await expect.poll(() => thread.textContent(), { timeout: 30_000 }).toMatch(/Latency recovered\./);
    expect(await thread.textContent()).toMatch(new RegExp(`Done, latency recovered: ${verb}`));
    await screenshot(page, `${fault}-5-recovered`);

    await thread.locator('[data-action-id="resolve-incident"]').last().click();
    await expect.poll(() => card.textContent(), { timeout: 10_000 }).toMatch(/Resolved/);
    await expect.poll(() => thread.textContent(), { timeout: 15_000 }).toMatch(/Resolved by/);
    for (const step of ['opened by', 'asked for', 'approved:', 'Done:', 'Latency recovered', 'Resolved by']) {
      expect(await thread.textContent()).toContain(step);
    }
    await screenshot(page, `${fault}-6-resolved`);
    expect(problems).toEqual([]);
  });
});

describe('starting and stopping', () => {
  test('killed with -9, a second start finds the same incidents', async () => {
    const before = (await workspace().channel()).map((message) => message.ts);
    await bot.kill();
    bot = await start();
    expect((await workspace().channel()).map((message) => message.ts)).toEqual(before);
    const status = await workspace().command('UONCALL', 'status');
    expect(status.ephemeral?.text).toBe('No incident is open.');
    await cleanUp(workspace());
  });

  test('a second bot on the same directory, or on a taken port, says what to do', async () => {
    const same = run(['bin/latency-bot.mjs', 'start', '--state-dir', directory.path], {
      PORT: String(await freePort()),
    });
    await untilPrinted(same, /another Latency Bot is using .*stop it, or give --state-dir/, 30_000);
    const taken = run(['bin/latency-bot.mjs', 'start', '--state-dir', `${directory.path}/second`], {
      PORT: String(port),
    });
    await untilPrinted(taken, /port \d+ is taken: set PORT/, 60_000);
  });

  test('--fresh leaves a running bot alone', async () => {
    const fresh = run(['bin/latency-bot.mjs', 'start', '--fresh', '--state-dir', directory.path], {
      PORT: String(await freePort()),
    });
    await untilPrinted(fresh, /another Latency Bot is using .*stop it, or give --state-dir/, 30_000);
    expect((await workspace().command('UONCALL', 'status')).ok).toBe(true);
  });

  test('Ctrl-C ends everything within 5 s, and nothing is left', async () => {
    // A fault that is on has to be taken back on the way.
    await workspace().fault('connection-leak', true);
    const { code, tookMs } = await bot.interrupt();
    expect({ code, inTime: tookMs < 5_000 }, bot.output()).toEqual({ code: 0, inTime: true });
    await expect.poll(() => isListening(port)).toBe(false);
    await expect.poll(() => processesUsing(directory.path), { timeout: 2_000 }).toEqual([]);
  });

  test('Ctrl-C while it is starting leaves nothing either', async () => {
    const starting = run(['bin/latency-bot.mjs', 'start', '--fresh', '--state-dir', directory.path], {
      PORT: String(port),
    });
    await untilPrinted(starting, / seed /, 30_000);
    const { tookMs } = await starting.interrupt();
    expect(tookMs).toBeLessThan(5_000);
    await expect.poll(() => processesUsing(directory.path), { timeout: 3_000 }).toEqual([]);
  });
});

function isListening(at: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(at, '127.0.0.1');
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Command lines of processes that were given a path below the directory. */
async function processesUsing(path: string): Promise<string[]> {
  const { readdir, readFile } = await import('node:fs/promises');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // A process may end while it is looked at.
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(path)).map((line) => line.replaceAll('\0', ' '));
}
