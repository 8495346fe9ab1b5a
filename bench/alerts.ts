import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { storeUrl } from '../rehearsal/product.ts';
import { freePort } from '../src/embedded-postgres/embedded-postgres.ts';
import { openDatabase } from '../src/store/database.ts';
import { run, temporaryDirectory, untilPrinted } from '../test/e2e/helpers/processes.ts';
import { workspaceAt } from '../test/e2e/helpers/workspace.ts';
import { quantile, type Row, table } from './statistics.ts';

const PER_SECOND = 200;
const SECONDS = 60;
/** Series that fire, as in a storm: most alerts are repetitions. */
const SERIES = 500;
const TOKEN = 'the-token-of-the-bench';
const LIMIT_P99_MS = 100;

/** A bot with its workspace and its store, and a service of which nothing can be seen: alerts are all it has to do. */
async function startBot() {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const config = join(directory.path, 'bench.yml');
  const service = { title: 'Bench', channel: 'CDEBTFLOW', targets: {} };
  await writeFile(config, JSON.stringify({ services: { bench: service } }));
  const bot = run(['bin/latency-bot.mjs', 'start', '--config', config, '--state-dir', directory.path], {
    PORT: String(port),
    ALERTMANAGER_TOKEN: TOKEN,
  });
  await untilPrinted(bot, /^ready /m, 120_000);
  return {
    bot,
    url: `http://127.0.0.1:${port}`,
    stateDir: directory.path,
    async close() {
      await bot.interrupt();
      await directory.remove();
    },
  };
}

function bodyOf(i: number, startedAt: number): string {
  return JSON.stringify({
    version: '4',
    groupKey: '{}:{}',
    status: 'firing',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: `Rule${i % 7}`, service: 'bench', series: String(i % SERIES) },
        annotations: { summary: 'p95 4.2 s (threshold 1.5 s)', value: '4.2' },
        startsAt: new Date(startedAt + i).toISOString(),
        endsAt: '0001-01-01T00:00:00Z',
        fingerprint: `series-${i % SERIES}`,
      },
    ],
  });
}

/** Sends at a fixed rate whatever the answers do; an answer counts from when it was due, so that waiting shows. */
async function storm(url: string): Promise<{ answersMs: number[]; statuses: Record<number, number> }> {
  const pool = new Pool(url, { connections: 50 });
  const answersMs: number[] = [];
  const statuses: Record<number, number> = {};
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
  const startedAt = Date.now() - 3_600_000;
  const begin = performance.now();
  const sent: Promise<void>[] = [];
  for (let i = 0; i < PER_SECOND * SECONDS; i += 1) {
    const due = begin + (i * 1_000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 1) await sleep(early);
    const send = async () => {
      const answer = await pool.request({
        method: 'POST',
        path: '/webhooks/alertmanager',
        headers,
        body: bodyOf(i, startedAt),
      });
      await answer.body.dump();
      answersMs.push(performance.now() - due);
      statuses[answer.statusCode] = (statuses[answer.statusCode] ?? 0) + 1;
    };
    sent.push(send());
  }
  await Promise.all(sent);
  await pool.close();
  return { answersMs, statuses };
}

async function memoryMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

/** What else the bot has to answer meanwhile. */
function meanwhile(url: string, stopping: AbortSignal) {
  const workspace = workspaceAt(url);
  const samples = { commandMs: [] as number[], liveMs: [] as number[] };
  const timed = async (into: number[], work: () => Promise<unknown>) => {
    const begin = performance.now();
    await work();
    into.push(performance.now() - begin);
  };
  const ended = (async () => {
    while (!stopping.aborted) {
      await timed(samples.commandMs, () => workspace.command('UONCALL'));
      await timed(samples.liveMs, () => fetch(`${url}/livez`));
      await sleep(2_000, undefined, { signal: stopping }).catch(() => undefined); // the end
    }
  })();
  return { samples, ended };
}

/** 200 alerts a second for a minute at one service: how fast each is answered, and what becomes of them. */
export async function benchAlerts(): Promise<unknown> {
  const bot = await startBot();
  const stopping = new AbortController();
  try {
    const store = await openDatabase(await storeUrl(bot.stateDir), () => undefined); // the failing query tells
    const before = await memoryMb(bot.bot.pid);
    const others = meanwhile(bot.url, stopping.signal);
    const { answersMs, statuses } = await storm(bot.url);
    stopping.abort();
    await others.ended;
    const counted = async () => {
      const { rows } = await store.query<{ incidents: number; alerts: number; revision: number }>(
        'select count(*)::int as incidents, sum(alert_count)::int as alerts, max(revision) as revision from incidents',
      );
      return rows[0] ?? { incidents: 0, alerts: 0, revision: 0 };
    };
    const expected = PER_SECOND * SECONDS + others.samples.commandMs.length;
    for (let i = 0; i < 100 && (await counted()).alerts < expected; i += 1) await sleep(200);
    const after = await memoryMb(bot.bot.pid);
    const seen = await counted();
    await store.close();
    const rows: Row[] = [
      { name: 'an alert to its answer', samplesMs: answersMs },
      { name: '/latency to its answer, meanwhile', samplesMs: others.samples.commandMs },
      { name: '/livez, meanwhile', samplesMs: others.samples.liveMs },
    ];
    const p99 = quantile(answersMs, 0.99);
    process.stdout.write(`${table(rows)}\n`);
    process.stdout.write(
      `alerts: p99 ${p99.toFixed(0)} ms, slowest ${Math.max(...answersMs).toFixed(0)} ms; answers ${JSON.stringify(statuses)}\n` +
        `incidents ${seen.incidents}, alerts counted ${seen.alerts} of ${expected}, revision ${seen.revision}\n` +
        `memory of the bot and its workspace: ${before.toFixed(0)} MB before, ${after.toFixed(0)} MB after\n`,
    );
    if (p99 > LIMIT_P99_MS || seen.incidents !== 1 || seen.alerts !== expected) process.exitCode = 1;
    return { rows, p99, statuses, ...seen, memoryMb: { before, after } };
  } finally {
    stopping.abort();
    await bot.close();
  }
}
