import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

const READY_DEADLINE_MS = 30_000;

export interface ChildOptions {
  script: string;
  /** Beside PATH; never in argv, which everybody on the host can read. */
  env: Record<string, string>;
  stdio: StdioOptions;
  /** Small heaps: ten of these run beside each other. */
  heapMb: number;
}

/** Starts a program in its own process group, so that Ctrl-C reaches us and we end it in order. */
export function spawnProgram(options: ChildOptions): ChildProcess {
  const heap = [`--max-old-space-size=${options.heapMb}`, '--max-semi-space-size=2'];
  return spawn(process.execPath, [...heap, options.script], {
    env: { PATH: process.env.PATH, TZ: 'UTC', ...options.env },
    stdio: options.stdio,
    detached: true,
  });
}

/** Resolves with the first message of the given type; rejects when the program ends before it. */
export function firstMessage<Message extends { type: string }>(
  child: ChildProcess,
  type: Message['type'],
): Promise<Message> {
  return new Promise((done, fail) => {
    const deadline = setTimeout(() => fail(new Error(`no ${type} from pid ${child.pid}`)), READY_DEADLINE_MS);
    child.once('error', fail);
    child.once('exit', (code, signal) => fail(new Error(`pid ${child.pid} ended with ${signal ?? code}`)));
    child.on('message', function hear(message) {
      if ((message as Message).type !== type) return;
      clearTimeout(deadline);
      child.off('message', hear);
      done(message as Message);
    });
  });
}

/** Asks with SIGTERM, insists with SIGKILL; resolves when the process is gone. */
export async function stopProgram(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(insist);
}
