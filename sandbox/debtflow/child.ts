import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { lowerSession, nicely } from '../../src/embedded-postgres/niceness.ts';

const READY_DEADLINE_MS = 30_000;

export interface ChildOptions {
  script: string;
  /** Beside PATH; never in argv, which everybody on the host can read. */
  env: Record<string, string>;
  stdio: StdioOptions;
  /** Small heaps: ten of these run beside each other. */
  heapMb: number;
  /** 0 to 19: how much it lets other programs go first. */
  niceness: number;
}

/** Starts a program in its own process group, so that Ctrl-C reaches us and we end it in order. */
export function spawnProgram(options: ChildOptions): ChildProcess {
  const heap = [`--max-old-space-size=${options.heapMb}`, '--max-semi-space-size=2'];
  const { niceness } = options;
  const [program, args] = nicely(niceness, process.execPath, [...heap, options.script]);
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, TZ: 'UTC', ...options.env },
    stdio: options.stdio,
    detached: true,
  });
  void lowerSession(child.pid, niceness);
  return child;
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
