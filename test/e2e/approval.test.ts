import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  type Running,
  type SandboxProcess,
  startBot,
  startSandboxProcess,
  temporaryDirectory,
} from './helpers/processes.ts';
import { cleanUp, story } from './helpers/story.ts';
import { findAction, type Workspace, workspaceAt } from './helpers/workspace.ts';

const FAULT = 'idle-in-transaction';
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let sandbox: SandboxProcess;
let workspace: Workspace;
let bot: Running;

beforeAll(async () => {
  directory = await temporaryDirectory();
  sandbox = await startSandboxProcess(directory.path);
  workspace = workspaceAt(sandbox.url);
  bot = await startBot({
    sandbox,
    stateDir: directory.path,
    approvals: { approvers: ['SAPPROVERS', 'UONCALL'], expiry: '30s' },
  });
}, 120_000);

afterEach(() => cleanUp(workspace), 60_000);

afterAll(async () => {
  await bot?.interrupt();
  await sandbox?.interrupt();
  await directory?.remove();
});

async function within3s<T>(work: Promise<T>): Promise<T> {
  const begin = performance.now();
  const result = await work;
  expect(performance.now() - begin).toBeLessThan(3_000);
  return result;
}

test('the observer and the requester are refused, and of two approvers at once one wins', async () => {
  const incident = story(workspace);
  await incident.open(FAULT);
  const asked = await incident.request('UAPPROVER');

  const observer = await within3s(workspace.click('UOBSERVER', asked, 'approve-mitigation'));
  expect(observer.ephemeral?.text).toMatch(/^You may not approve this/);
  const requester = await within3s(workspace.click('UAPPROVER', asked, 'approve-mitigation'));
  expect(requester.ephemeral?.text).toMatch(/somebody else has to approve/);

  const [first, second] = await within3s(
    Promise.all([
      workspace.click('UONCALL', asked, 'approve-mitigation'),
      workspace.click('UONCALL', asked, 'approve-mitigation'),
    ]),
  );
  const texts = [first.ephemeral?.text ?? '', second.ephemeral?.text ?? ''];
  expect(texts.filter((text) => text.startsWith('Approved.'))).toHaveLength(1);
  expect(texts.filter((text) => text.startsWith('Too late'))).toHaveLength(1);

  await incident.untilSlot(/^mitigation:/, (message) => /^INC-\d+\. Done/.test(message.text));
});

test('an approval after the expiry is refused and nothing is done', async () => {
  const incident = story(workspace);
  await incident.open(FAULT);
  const asked = await incident.request('UAPPROVER');
  const expired = await incident.untilSlot(
    /^mitigation:/,
    (message) => /^INC-\d+\. Expired/.test(message.text),
    45_000,
  );
  expect(findAction(expired, 'approve-mitigation')).toBeNull();
  // The button of the message as it was before: an old window, or a click under way while it expired.
  const late = await within3s(workspace.click('UONCALL', asked, 'approve-mitigation'));
  expect(late.ok && late.ephemeral?.text.startsWith('Approved')).toBe(false);
});

test('a target that went away is left alone, and the card says so', async () => {
  const incident = story(workspace);
  await incident.open(FAULT);
  const asked = await incident.request('UAPPROVER');
  await workspace.fault(FAULT, false);
  const approved = await within3s(workspace.click('UONCALL', asked, 'approve-mitigation'));
  expect(approved.ephemeral?.text).toMatch(/^Approved/);
  const card = await incident.untilSlot(
    /^mitigation:/,
    (message) => !/^INC-\d+\. (Waiting|Approved|Running)/.test(message.text),
  );
  expect(card.text).toMatch(/^INC-\d+\. Target changed, nothing was done/);
});
