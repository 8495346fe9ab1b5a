import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DebtflowAddresses } from '../src/config/sandbox.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('runbook.sh', import.meta.url));
const TOOLS = ['psql', 'redis-cli', 'curl', 'ps', 'top', 'ss', 'vmstat'];
const DEADLINE_MS = 120_000;

/** Throws with what to install when somebody could not follow the runbook on this machine. */
export async function requireTools(): Promise<void> {
  const missing: string[] = [];
  for (const tool of TOOLS) {
    await run('/bin/sh', ['-c', `command -v ${tool}`]).catch(() => missing.push(tool));
  }
  if (missing.length === 0) return;
  throw new Error(
    `following the runbook by hand takes ${missing.join(', ')}: on Debian, apt-get install postgresql-client redis-tools curl procps iproute2`,
  );
}

/** Follows the runbook by hand; returns the milliseconds that it took. */
export async function followRunbook(addresses: DebtflowAddresses, windowMs: number): Promise<number> {
  const begin = performance.now();
  const { stdout, stderr } = await run('/bin/sh', [SCRIPT], {
    env: { PATH: process.env.PATH, WINDOW: String(windowMs / 1_000), ...environmentOf(addresses) },
    timeout: DEADLINE_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  const durationMs = performance.now() - begin;
  // A step that could not be taken would make the script look quick.
  if (!stdout.trimEnd().endsWith('== end'))
    throw new Error(`the runbook was not followed to its end: ${stderr}`);
  const refused =
    /(not found|connection .* failed|Could not connect)[^\n]*/i.exec(stderr) ??
    /^NO(AUTH|PERM) .*/m.exec(stdout);
  if (refused) throw new Error(`a step of the runbook failed: ${refused[0]}`);
  return durationMs;
}

/** Secrets go by the environment: anybody can read a command line. */
function environmentOf(addresses: DebtflowAddresses): Record<string, string> {
  const postgres = new URL(addresses.probeUrl);
  return {
    ...variables('PG', postgres),
    PGDATABASE: postgres.pathname.slice(1),
    ...variables('BOUNCER_', addresses.pgbouncerUrl === null ? null : new URL(addresses.pgbouncerUrl)),
    ...variables('REDIS_', addresses.redisUrl === null ? null : new URL(addresses.redisUrl)),
    METRICS_URL: addresses.metricsUrl,
    PID_FILE: addresses.pidFile,
    LOG_FILE: addresses.logFile,
  };
}

const variables = (prefix: string, url: URL | null) => ({
  [`${prefix}HOST`]: url?.hostname ?? '',
  [`${prefix}PORT`]: url?.port ?? '',
  [`${prefix}USER`]: url?.username ?? '',
  [`${prefix}PASSWORD`]: decodeURIComponent(url?.password ?? ''),
});
