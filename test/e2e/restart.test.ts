import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { killedSessions } from './helpers/killed-sessions.ts';
import {
  type Running,
  type SandboxProcess,
  startBot,
  startSandboxProcess,
  temporaryDirectory,
} from './helpers/processes.ts';
import { cleanUp, story } from './helpers/story.ts';
import { findAction, type SlackMessage, slotOf, type Workspace, workspaceAt } from './helpers/workspace.ts';

const FAULT = 'idle-in-transaction';
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let sandbox: SandboxProcess;
let workspace: Workspace;
let bot: Running;

beforeAll(async () => {
  directory = await temporaryDirectory();
  sandbox = await startSandboxProcess(directory.path);
  workspace = workspaceAt(sandbox.url);
  bot = await start();
}, 120_000);

afterEach(() => cleanUp(workspace), 60_000);

afterAll(async () => {
  await bot?.interrupt();
  await sandbox?.interrupt();
  await directory?.remove();
});

function start(): Promise<Running> {
  return startBot({ sandbox, stateDir: directory.path });
}

async function crashAndRestart(): Promise<void> {
  await bot.kill();
  bot = await start();
}

/** Every slot of the thread once, and one card for the incident. */
async function expectNothingTwice(cardTs: string): Promise<void> {
  const slots = (await workspace.thread(cardTs)).map(slotOf);
  expect(slots).toEqual([...new Set(slots)]);
  const incidents = (await workspace.channel()).map((message) => message.metadata?.event_payload.incident);
  expect(incidents).toEqual([...new Set(incidents)]);
}

test('killed while the probes look: the restart finishes the run in the same thread', async () => {
  const incident = story(workspace);
  const card = await incident.open(FAULT);
  await crashAndRestart();
  const diagnosis = await incident.untilSlot('diagnosis', () => true, 40_000);
  expect(diagnosis.text).toMatch(/idle in transaction/);
  await expectNothingTwice(card.ts);
});

test('killed as soon as /latency is answered: one card, and a diagnosis', async () => {
  const incident = story(workspace);
  const card = await incident.open(FAULT, crashAndRestart);
  await incident.untilSlot('diagnosis', () => true, 40_000);
  await expectNothingTwice(card.ts);
});

test('killed while recovery is being checked: it is checked to the end', async () => {
  const incident = story(workspace);
  const card = await incident.open(FAULT);
  const asked = await incident.request('UONCALL');
  const before = await killedSessions(sandbox.debtflow.databaseUrl);
  await workspace.click('UAPPROVER', asked, 'approve-mitigation');
  await incident.untilSlot(slotOf(asked), ended);
  await crashAndRestart();
  const recovery = await incident.untilSlot(
    /^recovery:/,
    (message) => /Latency recovered\./.test(message.text),
    60_000,
  );
  expect(findAction(recovery, 'resolve-incident')).not.toBeNull();
  expect(await killedSessions(sandbox.debtflow.databaseUrl)).toBe(before + 1);
  await expectNothingTwice(card.ts);
});

test('killed while a request waits for its approval: it can still be approved', async () => {
  const incident = story(workspace);
  const card = await incident.open(FAULT);
  const asked = await incident.request('UONCALL');
  await crashAndRestart();
  const before = await killedSessions(sandbox.debtflow.databaseUrl);
  const answer = await workspace.click('UAPPROVER', asked, 'approve-mitigation');
  expect(answer.ephemeral?.text).toMatch(/^Approved/);
  await incident.untilSlot(/^mitigation:/, (message) => /^INC-\d+\. Done/.test(message.text));
  expect(await killedSessions(sandbox.debtflow.databaseUrl)).toBe(before + 1);
  await expectNothingTwice(card.ts);
});

// From before the claim to after the outcome: wherever the kill falls, one termination in all and a true card.
test.each([0, 40])('killed %i ms after the approval: executed once', async (delayMs) => {
  const incident = story(workspace);
  const card = await incident.open(FAULT);
  const asked = await incident.request('UONCALL');
  const before = await killedSessions(sandbox.debtflow.databaseUrl);
  const clicked = workspace.click('UAPPROVER', asked, 'approve-mitigation');
  await new Promise((done) => setTimeout(done, delayMs));
  await crashAndRestart();
  const answer = await clicked;
  const stillWaiting = (await incident.slot(slotOf(asked))) ?? asked;
  // Killed before the approval was recorded: the user was told of the failure and clicks again.
  if (!answer.ok && findAction(stillWaiting, 'approve-mitigation')) {
    await workspace.click('UAPPROVER', stillWaiting, 'approve-mitigation');
  }
  const settled = await incident.untilSlot(slotOf(asked), ended, 60_000);
  if (/\. Failed/.test(settled.text)) {
    // Killed between the claim and the effect: never repeated. The bot looked again; people ask and approve anew.
    expect(settled.text).toMatch(/cut off before it took effect, and is not repeated/);
    expect(await killedSessions(sandbox.debtflow.databaseUrl)).toBe(before);
    const anew = await incident.request('UONCALL');
    await workspace.click('UAPPROVER', anew, 'approve-mitigation');
    await incident.untilSlot(slotOf(anew), (message) => /^INC-\d+\. Done/.test(message.text));
  }
  expect(await killedSessions(sandbox.debtflow.databaseUrl)).toBe(before + 1);
  await expectNothingTwice(card.ts);
});

function ended(message: SlackMessage): boolean {
  return /^INC-\d+\. (Done|Failed)/.test(message.text);
}
