import { readFile } from 'node:fs/promises';
import { storeUrl } from '../rehearsal/product.ts';
import { freePort } from '../src/embedded-postgres/embedded-postgres.ts';
import { type Running, run, temporaryDirectory, untilPrinted } from '../test/e2e/helpers/processes.ts';
import { slotOf, workspaceAt } from '../test/e2e/helpers/workspace.ts';
import { type RunTrace, STATIONS, traceNewestRun } from './run-trace.ts';
import { type Row, table } from './statistics.ts';

const WINDOW_MS = 3_000;
/** Incidents without a pause would measure Slack's limit of one post a second and channel. */
const PAUSE_MS = 6_000;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the bench waited for a minute in vain');
    await new Promise((done) => setTimeout(done, 10));
  }
}

async function start(stateDir: string, port: number): Promise<Running> {
  const running = run(['bin/latency-bot.mjs', 'start', '--state-dir', stateDir], { PORT: String(port) });
  await untilPrinted(running, /^ready /m, 120_000);
  return running;
}

async function barePost(url: string): Promise<void> {
  const response = await fetch(`${url}/api/chat.postMessage`, {
    method: 'POST',
    headers: { authorization: 'Bearer xoxp-sandbox-observer', 'content-type': 'application/json' },
    body: JSON.stringify({ channel: 'CDEBTFLOW', text: 'bench' }),
  });
  const answer = (await response.json()) as { ok: boolean; error?: string };
  if (!answer.ok) throw new Error(`posting: ${answer.error}`);
}

type Workspace = ReturnType<typeof workspaceAt>;

interface Measured {
  answerMs: number;
  threadMs: number;
  diagnosisMs: number;
  trace: RunTrace;
}

/** One incident from the command to the diagnosis; resolved at its end. */
async function incident(workspace: Workspace, stateDir: string): Promise<Measured> {
  const before = new Set((await workspace.channel()).map((message) => message.ts));
  const card = async () => (await workspace.channel()).find((message) => !before.has(message.ts));
  const begunAt = Date.now();
  const begin = performance.now();
  await workspace.command('UONCALL');
  const answerMs = performance.now() - begin;
  await until(async () => (await card()) !== undefined);
  const threadMs = performance.now() - begin;
  const ts = (await card())?.ts ?? '';
  await until(async () => (await workspace.thread(ts)).some((message) => slotOf(message) === 'diagnosis'));
  const diagnosisMs = performance.now() - begin;
  const shown = (await workspace.channel()).find((message) => message.ts === ts);
  if (shown) await workspace.click('UONCALL', shown, 'resolve-incident');
  const trace = await traceNewestRun(await storeUrl(stateDir), begunAt);
  return { answerMs, threadMs, diagnosisMs, trace };
}

async function memoryMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

/**
 * Seconds from `npm start` to ready, and from `/latency` to the thread and to the diagnosis, on the sandbox under its
 * ordinary load. The sampling window and a bare post to the same workspace are the baselines.
 */
export async function benchIncident(rounds: number): Promise<unknown> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const workspace = workspaceAt(url);
  let bot: Running | undefined;
  const begin = async () => {
    bot = await start(directory.path, port);
  };
  try {
    const cold = await timed(begin);
    await bot?.interrupt();
    const warm = await timed(begin);
    const posts: number[] = [];
    const incidents: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      posts.push(await timed(() => barePost(url)));
      incidents.push(await incident(workspace, directory.path));
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
    const rows = rowsOf({ cold, warm, posts, incidents });
    process.stdout.write(`${table(rows)}\n`);
    const megabytes = await memoryMb(bot?.pid ?? 0);
    process.stdout.write(`memory of the bot's process, sandbox included: ${megabytes.toFixed(0)} MB\n`);
    return { rows, memoryMb: megabytes };
  } finally {
    await bot?.interrupt();
    await directory.remove();
  }
}

function rowsOf(seen: { cold: number; warm: number; posts: number[]; incidents: Measured[] }): Row[] {
  const { cold, warm, posts, incidents } = seen;
  const of = (part: 'answerMs' | 'threadMs' | 'diagnosisMs') => incidents.map((one) => one[part]);
  return [
    { name: 'npm start to ready, first time', samplesMs: [cold] },
    { name: 'npm start to ready, again', samplesMs: [warm], baseline: 'npm start to ready, first time' },
    { name: 'a bare post', samplesMs: posts },
    { name: '/latency to its answer', samplesMs: of('answerMs'), baseline: 'a bare post' },
    { name: '/latency to the thread', samplesMs: of('threadMs'), baseline: 'a bare post' },
    { name: 'the sampling window', samplesMs: [WINDOW_MS] },
    ...(Object.keys(STATIONS) as (keyof RunTrace)[]).map((station) => ({
      name: STATIONS[station],
      samplesMs: incidents.map(({ trace }) => trace[station]),
    })),
    { name: '/latency to the full diagnosis', samplesMs: of('diagnosisMs'), baseline: 'the sampling window' },
  ];
}
