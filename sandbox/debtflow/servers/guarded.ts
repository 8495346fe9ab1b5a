import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unprivilegedLauncher } from '../../../src/embedded-postgres/launcher.ts';
import { stopProgram } from '../child.ts';

/**
 * Runs "$@" and ends it when our end of the pipe on standard input closes, which it does however we end, also by
 * kill -9. The shell is everywhere and costs a megabyte; Linux's parent-death signal would be Linux's alone.
 */
const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
trap 'kill -TERM $server 2>/dev/null' TERM
{ read -r _ <&3; kill -KILL $server 2>/dev/null; } &
watcher=$!
exec 3<&-
wait $server
code=$?
kill -0 $server 2>/dev/null && { wait $server; code=$?; }
kill $watcher 2>/dev/null
exit $code`;

const STOP_GRACE_MS = 1_500;
const READY_DEADLINE_MS = 5_000;
const RETRY_MS = 20;

export interface GuardedOptions {
  program: string;
  /** Its own directory: made anew, with these files in it, readable by the server's user alone. */
  dir: string;
  files: Record<string, string>;
  args: string[];
  /** Resolves once the server answers, rejects until then. */
  answers(): Promise<void>;
}

/** A server that ends with us. */
export interface Guarded {
  pid: number;
  stop(): Promise<void>;
}

/** Starts a server as an unprivileged user where we are root, and waits until it answers. */
export async function startGuarded(options: GuardedOptions): Promise<Guarded> {
  const { program, dir } = options;
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const launcher = await unprivilegedLauncher(dir, program);
  const owned = [dir];
  for (const [name, text] of Object.entries(options.files)) {
    const file = join(dir, name);
    await writeFile(file, text, { mode: 0o600 });
    await chmod(file, 0o600);
    owned.push(file);
  }
  if (launcher.owner) for (const path of owned) await chown(path, launcher.owner.uid, launcher.owner.gid);

  const [command, args] = launcher.command('/bin/sh', ['-c', GUARD, 'guard', program, ...options.args]);
  const child = spawn(command, args, {
    ...launcher.spawnOptions,
    cwd: '/',
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true, // Ctrl-C reaches us, and we end it in order
  });
  const stop = () => stopProgram(child, STOP_GRACE_MS);
  try {
    await untilItAnswers(child, options);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid as number, stop };
}

async function untilItAnswers(child: ChildProcess, options: GuardedOptions): Promise<void> {
  let complaint = '';
  let spawnError: Error | null = null;
  child.once('error', (error) => {
    spawnError = error;
  });
  child.stderr?.on('data', (text) => {
    complaint = (complaint + String(text)).slice(-500);
  });
  child.stdin?.on('error', () => undefined); // it ended: 'exit' says so
  const deadline = Date.now() + READY_DEADLINE_MS;
  for (;;) {
    try {
      await options.answers();
      return;
    } catch (error) {
      if (spawnError) throw spawnError;
      const gone = child.exitCode !== null || child.signalCode !== null;
      if (gone || Date.now() > deadline)
        throw new Error(`${options.program} did not start: ${complaint.trim() || String(error)}`);
    }
    await sleep(RETRY_MS);
  }
}
