import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';
import {
  type Running,
  type SandboxProcess,
  startBot,
  startSandboxProcess,
  temporaryDirectory,
} from './helpers/processes.ts';
import { cleanUp, story } from './helpers/story.ts';
import { type Workspace, workspaceAt } from './helpers/workspace.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let sandbox: SandboxProcess;
let redis: ChildProcess;
let workspace: Workspace;
let bot: Running;

beforeAll(async () => {
  directory = await temporaryDirectory();
  sandbox = await startSandboxProcess(directory.path);
  workspace = workspaceAt(sandbox.url);
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory.path];
  redis = spawn('redis-server', [...options, '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' });
  bot = await startBot({
    sandbox,
    stateDir: directory.path,
    env: { REDIS_URL: `redis://127.0.0.1:${port}` },
  });
}, 120_000);

afterEach(() => cleanUp(workspace), 60_000);

afterAll(async () => {
  await bot?.interrupt();
  await sandbox?.interrupt();
  redis?.kill();
  await directory?.remove();
});

test.each([
  ['idle-in-transaction', /has been idle in transaction/, /^INC-\d+\. Done/],
  ['long-report-query', /has been running one statement/, /^INC-\d+\. Done/],
])('with the queue on Redis: %s is found, approved, ended and verified', async (fault, cause, done) => {
  const incident = story(workspace);
  await incident.open(fault);
  const diagnosis = await incident.untilSlot('diagnosis', () => true);
  expect(diagnosis.text).toMatch(cause);
  const asked = await incident.request('UONCALL');
  await workspace.click('UAPPROVER', asked, 'approve-mitigation');
  await incident.untilSlot(/^mitigation:/, (message) => done.test(message.text));
  const recovery = await incident.untilSlot(
    /^recovery:/,
    (message) => /recovered\./.test(message.text),
    60_000,
  );
  expect(recovery.text).toMatch(/Latency recovered\./);
  await workspace.click('UONCALL', recovery, 'resolve-incident');
  const timeline = await incident.untilSlot('timeline', (message) => /Last: Resolved/.test(message.text));
  expect(timeline.text).toMatch(/Resolved by/);
});
