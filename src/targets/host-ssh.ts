import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BotError } from '../errors.ts';
import type { HostConfig, HostLook } from './host.ts';
import { type CommandResult, runCommand } from './host-command.ts';
import { scriptError } from './host-script.ts';
import { connectionError, SSH_FAILED } from './host-ssh-errors.ts';
import type { Log } from './log.ts';
import { timeLimit } from './time-limit.ts';

type SshConfig = NonNullable<HostConfig['ssh']>;

/** Kept for the next run; a bot that is killed leaves a connection that ends by itself. */
const PERSIST_S = 60;
/** Of a Unix socket, less what ssh appends to it while it is being made (17). unix(7) */
const MAX_SOCKET_PATH = 107 - 17;

/** Looks at another machine through OpenSSH's own client and a forced command on its far side. */
export function sshLook(config: SshConfig, timeoutMs: number, log?: Log): HostLook {
  const title = `ssh ${config.host}`;
  let dir: Promise<string> | null = null;
  let connected = false;
  let connecting: Promise<void> | null = null;
  let closing = new AbortController();

  const privateDir = () => (dir ??= mkdtemp(join(tmpdir(), 'latency-bot-ssh-')));

  async function ask(word: string, limitMs: number, signal: AbortSignal): Promise<CommandResult> {
    await refuseUnsafe(config, title);
    const argv = [...OPTIONS, ...optionsOf(config, await privateDir()), '--', config.host, word];
    const result = await runCommand({ file: 'ssh', argv, title, timeoutMs: limitMs, signal });
    if (result.code === SSH_FAILED) throw connectionError(title, config, result);
    return result;
  }

  /** The first look makes the connection, and goes on with it when its caller waits no more. */
  function connectBy(word: string): Promise<CommandResult> {
    const first = ask(word, Math.max(CONNECT_MS, timeoutMs), closing.signal);
    const done = first.then(
      () => {
        connected = true;
        connecting = null;
      },
      (error: unknown) => {
        connecting = null;
        // Who waited for it gets the same answer at once, instead of the same wait again.
        throw error;
      },
    );
    done.catch(() => undefined);
    connecting = done;
    return first;
  }

  /** Others use the connection of the first look; beside it they would each make their own. */
  async function askInTurn(word: string, signal: AbortSignal): Promise<CommandResult> {
    const begin = performance.now();
    const late = () => new BotError('target-timeout', `${title} did not answer in ${timeoutMs} ms`);
    if (connecting) await inTime(connecting, timeLimit(signal, timeoutMs), late);
    else if (!connected) return inTime(connectBy(word), timeLimit(signal, timeoutMs), late);
    return ask(word, Math.round(timeoutMs - (performance.now() - begin)), signal);
  }

  async function told(asking: Promise<CommandResult>): Promise<string> {
    try {
      const result = await asking;
      if (result.code === 0) return result.stdout;
      throw scriptError(title, result);
    } catch (error) {
      if (error instanceof BotError && LOST.has(error.code)) connected = false;
      throw error;
    }
  }

  return {
    title,
    look: (word, signal) => told(askInTurn(word, signal)),
    // Never what makes the connection: that would go on when its caller has given up.
    async act(words, limitMs, signal) {
      await told(askInTurn('resources', signal));
      return told(ask(words, limitMs, signal));
    },
    async close() {
      if (!dir) return;
      closing.abort();
      closing = new AbortController();
      await connecting?.catch(() => undefined); // told to who asked for it
      const path = await dir;
      dir = null;
      connected = false;
      if (existsSync(controlPath(path))) {
        const argv = [
          '-F',
          'none',
          '-o',
          `ControlPath=${controlPath(path)}`,
          '-O',
          'exit',
          '--',
          config.host,
        ];
        const signal = AbortSignal.timeout(timeoutMs);
        await runCommand({ file: 'ssh', argv, title, timeoutMs, signal }).catch((err: unknown) =>
          log?.warn({ err }, 'closing a shared ssh connection'),
        );
      }
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** A login takes several round trips and some CPU on both sides: longer than a look on it may take. */
const CONNECT_MS = 5_000;

/** The work, or a failure at the limit; the work goes on. */
function inTime<T>(work: Promise<T>, limit: AbortSignal, late: () => BotError): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(late());
    if (limit.aborted) giveUp();
    limit.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => limit.removeEventListener('abort', giveUp));
  });
}

const LOST = new Set(['target-unreachable', 'target-timeout', 'target-permission']);

const controlPath = (dir: string) => join(dir, 'c');

/** No configuration of the user, no question, no agent, no forwarding, and no host that was not pinned. ssh_config(5) */
const OPTIONS: readonly string[] = [
  ['-F', 'none'],
  ['-o', 'BatchMode=yes'],
  ['-o', 'IdentitiesOnly=yes'],
  ['-o', 'StrictHostKeyChecking=yes'],
  ['-o', 'GlobalKnownHostsFile=none'],
  ['-o', 'ConnectTimeout=5'],
  ['-o', 'ServerAliveInterval=2'],
  ['-o', 'ServerAliveCountMax=2'],
  ['-o', 'ForwardAgent=no'],
  ['-o', 'ClearAllForwardings=yes'],
  ['-o', 'LogLevel=ERROR'],
].flat();

function optionsOf(config: SshConfig, dir: string): string[] {
  const own = [
    ['-i', config.keyFile],
    ['-o', `UserKnownHostsFile=${config.knownHostsFile}`],
    ['-p', String(config.port)],
    ['-l', config.user],
  ].flat();
  const path = controlPath(dir);
  if (path.length > MAX_SOCKET_PATH) return own; // each look then makes its own connection
  const shared = [`ControlPath=${path}`, 'ControlMaster=auto', `ControlPersist=${PERSIST_S}`];
  return [...own, ...shared.flatMap((option) => ['-o', option])];
}

/** OpenSSH checks the key too, but says it among other things; a missing list of hosts it takes for an unknown host. */
async function refuseUnsafe(config: SshConfig, title: string): Promise<void> {
  const key = await stat(config.keyFile).catch(() => null);
  if (!key?.isFile()) {
    throw new BotError('config-invalid', `${title}: the private key ssh.keyFile cannot be found`);
  }
  if ((key.mode & 0o077) !== 0) {
    throw new BotError(
      'config-invalid',
      `${title}: others than its owner may read the private key ssh.keyFile: chmod 0400`,
    );
  }
  const hosts = await stat(config.knownHostsFile).catch(() => null);
  if (!hosts?.isFile()) {
    throw new BotError(
      'config-invalid',
      `${title}: ssh.knownHostsFile is missing: write the host's key into it (ssh-keyscan, compared with the key on the host)`,
    );
  }
}
