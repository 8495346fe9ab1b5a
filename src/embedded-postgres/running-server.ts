import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { platform } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const STOP_DEADLINE_MS = 4_000;
const endingWithUs = new Set<number>();

export interface RunningServer {
  pid: number;
  port: number;
}

/** The server that an earlier process left running on this directory, if it is still there. */
export async function leftBehind(dataDir: string): Promise<RunningServer | null> {
  const lines = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!pid || !port || lines[1] !== dataDir || !isAlive(pid)) return null;
  return (await isServerOf(pid, dataDir)) ? { pid, port } : null;
}

/**
 * PostgreSQL believes its pid file when that number belongs to any process of its user. The file goes only when that
 * process is certainly not a server of this directory: two servers on one directory would destroy it.
 */
export async function removeStalePidFile(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (pid && isAlive(pid) && !(await isServerOf(pid, dataDir))) await rm(file);
}

/** Process ids are given out anew, after a restart of a container the same ones: the process has to look like it. */
async function isServerOf(pid: number, dataDir: string): Promise<boolean> {
  if (platform() === 'win32') return true;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => askPs(pid));
  return command.includes('postgres') && command.includes(dataDir);
}

/** Where there is no /proc. */
async function askPs(pid: number): Promise<string> {
  const { stdout } = await run('ps', ['-p', String(pid), '-o', 'args=']);
  return stdout;
}

/** Fast shutdown, then immediate, then kill. */
export async function stopServer(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isAlive(pid)) break;
    process.kill(pid, signal);
    const deadline = Date.now() + (signal === 'SIGINT' ? STOP_DEADLINE_MS : 1_000);
    while (isAlive(pid) && Date.now() < deadline) await sleep(20);
  }
  endingWithUs.delete(pid);
}

/** Whether there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Ends the server that an earlier process left running on this directory, if there is one. */
export async function stopLeftBehind(dataDir: string): Promise<void> {
  const server = await leftBehind(resolve(dataDir));
  if (server) await stopServer(server.pid);
}

/**
 * Ends this server also where the process leaves without stopping it in order: at a deadline, or by an error. It is
 * an immediate shutdown; the next start recovers. Only a kill -9 leaves the server to be found again.
 */
export function endWithProcess(pid: number): void {
  if (endingWithUs.size === 0) process.once('exit', endAll);
  endingWithUs.add(pid);
}

function endAll(): void {
  for (const pid of endingWithUs) if (isAlive(pid)) process.kill(pid, 'SIGQUIT');
}
