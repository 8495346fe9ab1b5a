import { spawn } from 'node:child_process';
import { BotError } from '../errors.ts';
import { timeLimit } from './time-limit.ts';

/** More than any of the script's words prints; the script limits itself to less. */
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_ERROR_BYTES = 8 * 1024;

/** Children get no environment of the bot: that one holds its secrets. */
export const CHILD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface HostCommand {
  /** An absolute or a constant name, never from outside. */
  file: string;
  argv: readonly string[];
  env?: Record<string, string>;
  /** For messages: "this machine", "ssh api-1". */
  title: string;
  timeoutMs: number;
  signal: AbortSignal;
  maxBytes?: number;
}

export interface CommandResult {
  /** Null when a signal of somebody else ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a child without a shell, within a time limit and a size limit; its whole process group ends with it. */
export function runCommand(command: HostCommand): Promise<CommandResult> {
  const { file, argv, title, timeoutMs, maxBytes = MAX_BYTES } = command;
  const limit = timeLimit(command.signal, timeoutMs);
  return new Promise((resolve, reject) => {
    if (limit.aborted) return reject(new BotError('target-timeout', `${title} was not asked: time was up`));
    const env = { PATH: CHILD_PATH, LC_ALL: 'C', ...command.env };
    const child = spawn(file, argv, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: '/' });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let stderr = '';

    // The first reason wins; what the dying child still says does not.
    const fail = (error: BotError) => {
      killGroup(child.pid);
      settle();
      reject(error);
    };
    const giveUp = () =>
      fail(
        new BotError('target-timeout', `${title} did not answer in ${timeoutMs} ms`, { cause: limit.reason }),
      );
    const settle = () => {
      limit.removeEventListener('abort', giveUp);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    limit.addEventListener('abort', giveUp, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        fail(new BotError('target-protocol', `${title} answered with more than ${maxBytes} bytes`));
      } else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(0, MAX_ERROR_BYTES);
    });
    child.on('error', (cause) => {
      settle();
      reject(
        new BotError('target-unreachable', `${title}: ${file} cannot be started: is it installed?`, {
          cause,
        }),
      );
    });
    // Not 'close': the process that keeps a shared ssh connection may keep the pipe of errors open.
    let ended: { code: number | null } | null = null;
    let drained = false;
    const finish = () => {
      if (!ended || !drained) return;
      settle();
      resolve({ code: ended.code, stdout: Buffer.concat(chunks).toString('utf8'), stderr });
    };
    child.on('exit', (code) => {
      ended = { code };
      finish();
    });
    child.stdout.on('end', () => {
      drained = true;
      finish();
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // it had just ended
  }
}
