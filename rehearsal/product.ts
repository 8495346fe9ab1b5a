import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LatencyReport } from '../sandbox/debtflow/debtflow.ts';
import type { RehearsedFault } from '../sandbox/debtflow/rehearsal-routes.ts';
import { freePort, leftBehind } from '../src/embedded-postgres/embedded-postgres.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { run, temporaryDirectory, untilPrinted } from '../test/e2e/helpers/processes.ts';
import { type Workspace, workspaceAt } from '../test/e2e/helpers/workspace.ts';

const START_DEADLINE_MS = 120_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** The product as `npm start` runs it, with what a rehearsal looks at and turns. */
export interface Product {
  workspace: Workspace;
  /** The bot's own store: what it decided, to compare with what it posted. */
  store: Database;
  faults(): Promise<RehearsedFault[]>;
  /** At DebtFlow's clients, over the last 3 s. */
  latency(): Promise<LatencyReport>;
  setLoad(factor: number): Promise<void>;
  /** Null while it runs; its last words once it ended. */
  ended(): string | null;
  close(): Promise<void>;
}

/** Starts the bot, its workspace and its DebtFlow in a process of their own, on a state directory of their own. */
export async function startProduct(): Promise<Product> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const bot = run(['bin/latency-bot.mjs', 'start', '--state-dir', directory.path], { PORT: String(port) });
  let store: Database | undefined;
  // Asked to end in the middle, it must not leave a bot, three servers and a directory behind.
  const leave = () => void close().finally(() => process.exit(130));
  const close = async () => {
    for (const signal of SIGNALS) process.off(signal, leave);
    await store?.close();
    if (bot.child.exitCode === null && bot.child.signalCode === null) await bot.interrupt();
    await directory.remove();
  };
  for (const signal of SIGNALS) process.once(signal, leave);
  try {
    await untilPrinted(bot, /^ready /m, START_DEADLINE_MS);
    store = await openDatabase(await storeUrl(directory.path), () => undefined); // the failing query tells
  } catch (error) {
    await close();
    throw error;
  }
  return {
    workspace: workspaceAt(url),
    store,
    faults: () => getJson<RehearsedFault[]>(`${url}/sandbox/rehearsal/faults`),
    latency: () => getJson<LatencyReport>(`${url}/sandbox/rehearsal/latency`),
    async setLoad(factor) {
      const response = await fetch(`${url}/sandbox/rehearsal/load`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ factor }),
      });
      if (!response.ok) throw new Error(`setting the load: ${response.status} ${await response.text()}`);
    },
    ended: () => (bot.child.exitCode === null && bot.child.signalCode === null ? null : bot.output()),
    close,
  };
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}

/** The embedded store of a bot that runs on this state directory. */
export async function storeUrl(stateDir: string): Promise<string> {
  const dataDir = join(resolve(stateDir), 'store');
  const server = await leftBehind(dataDir);
  if (!server) throw new Error(`no store runs in ${dataDir}`);
  const password = (await readFile(join(dataDir, 'latency-bot.password'), 'utf8')).trim();
  return `postgres://postgres:${password}@127.0.0.1:${server.port}/latency_bot`;
}
