import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../src/embedded-postgres/embedded-postgres.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

export interface Running {
  child: ChildProcess;
  pid: number;
  /** Everything it printed so far. */
  output(): string;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** SIGINT, as Ctrl-C would; returns the exit code and how long it took. */
  interrupt(): Promise<{ code: number | null; tookMs: number }>;
}

/** A process of ours, with its output kept. */
export function run(args: string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [...(args[0]?.endsWith('.ts') ? ['--import', 'tsx'] : []), ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  if (child.pid === undefined) throw new Error('the process did not start');
  return {
    child,
    pid: child.pid,
    output: () => output,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async interrupt() {
      const begin = Date.now();
      child.kill('SIGINT');
      const code = await exited;
      return { code, tookMs: Date.now() - begin };
    },
  };
}

/** Waits for a line in a process's output; fails with the output when it ends or takes too long. */
export async function untilPrinted(
  running: Running,
  pattern: RegExp,
  timeoutMs: number,
): Promise<RegExpExecArray> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const match = pattern.exec(running.output());
    if (match) return match;
    if (running.child.exitCode !== null || running.child.signalCode !== null || Date.now() > deadline) {
      throw new Error(`no ${pattern} within ${timeoutMs} ms in:\n${running.output()}`);
    }
    await new Promise((done) => setTimeout(done, 20));
  }
}

export interface SandboxProcess extends Running {
  url: string;
  debtflow: { databaseUrl: string; probeUrl: string; actionUrl: string; metricsUrl: string };
}

/** The workspace and DebtFlow alone, so that the bot can be killed without them. */
export async function startSandboxProcess(stateDir: string): Promise<SandboxProcess> {
  const port = await freePort();
  const running = run(['sandbox/main.ts', '--port', String(port), '--state-dir', stateDir]);
  const [line] = await untilPrinted(running, /^\{.*\}$/m, 60_000);
  const addresses = JSON.parse(line) as Pick<SandboxProcess, 'url' | 'debtflow'>;
  return { ...running, ...addresses };
}

export interface BotOptions {
  sandbox: SandboxProcess;
  stateDir: string;
  /** Merged into the approval policy. */
  approvals?: Record<string, unknown>;
  env?: Record<string, string>;
}

/** The bot against a sandbox that runs apart: a configuration file and tokens, as in production. */
export async function startBot(options: BotOptions): Promise<Running & { url: string }> {
  const { sandbox, stateDir } = options;
  const file = await writeConfig(stateDir, sandbox, options.approvals ?? {});
  const running = run(['bin/latency-bot.mjs', 'start', '--config', file, '--state-dir', stateDir], {
    SLACK_BOT_TOKEN: 'xoxb-sandbox-bot',
    SLACK_APP_TOKEN: 'xapp-sandbox',
    SLACK_API_URL: `${sandbox.url}/api/`,
    PORT: String(await freePort()),
    ...options.env,
  });
  const [, url = ''] = await untilPrinted(running, /^ready (\S+)$/m, 30_000);
  return { ...running, url };
}

export async function writeConfig(
  stateDir: string,
  sandbox: SandboxProcess,
  approvals: Record<string, unknown>,
): Promise<string> {
  const file = join(stateDir, 'latency-bot.json');
  const { probeUrl, actionUrl, metricsUrl } = sandbox.debtflow;
  const service = {
    title: 'DebtFlow API',
    channel: 'CINCIDENTS',
    targets: {
      postgres: { url: probeUrl, actionUrl, applicationRoles: ['debtflow_api'] },
      metrics: { url: metricsUrl },
    },
    approvals: { requesters: ['SONCALL', 'SAPPROVERS'], approvers: ['SAPPROVERS'], ...approvals },
  };
  await writeFile(file, JSON.stringify({ services: { 'debtflow-api': service } }));
  return file;
}

/** A directory for state, and its removal. */
export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  // Not below the user's own temporary directory: the database server's user must be able to enter.
  const path = await mkdtemp('/tmp/latency-bot-e2e-');
  const { chmod } = await import('node:fs/promises');
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
