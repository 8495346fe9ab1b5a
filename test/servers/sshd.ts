import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

const run = promisify(execFile);

/** A real sshd on loopback, whose one key is bound to the host script. */
export interface SshServer {
  host: string;
  port: number;
  user: string;
  keyFile: string;
  knownHostsFile: string;
  /** What the forced command reads: lines of KEY=value. */
  configure(lines: string[]): Promise<void>;
  /** Replaces the forced command of the key. */
  force(command: string): Promise<void>;
  /** A new host key, as after a reinstallation, or an attack. */
  changeHostKey(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Connections that were accepted so far. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

export async function startSshd(): Promise<SshServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-sshd-'));
  const at = (name: string) => join(dir, name);
  const port = await freePort();
  const { username } = userInfo();
  const newKey = (file: string) => run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  await Promise.all([newKey(at('host')), newKey(at('key'))]);
  await copyFile(join(import.meta.dirname, '../../deploy/latency-bot-host'), at('latency-bot-host'));
  await writeFile(at('host.conf'), '');
  const publicKey = (await readFile(at('key.pub'), 'utf8')).trim();
  const force = (command: string) =>
    writeFile(at('authorized_keys'), `restrict,command="${command}" ${publicKey}\n`, { mode: 0o600 });
  await force(`/bin/sh ${at('latency-bot-host')} ${at('host.conf')}`);
  const hostKey = (await readFile(at('host.pub'), 'utf8')).trim();
  await writeFile(at('known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`);
  await writeFile(at('sshd_config'), sshdConfig(port, at));
  // sshd run by root insists on its directory for privilege separation. sshd(8)
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });

  const start = async () => {
    const server = spawn('/usr/sbin/sshd', ['-D', '-f', at('sshd_config'), '-E', at('log')], {
      stdio: 'ignore',
    });
    const exited = once(server, 'exit');
    await vi.waitFor(() => reachable(port), { timeout: 10_000, interval: 20 });
    return { server, exited };
  };
  let running = await start();
  const end = async () => {
    running.server.kill('SIGCONT');
    running.server.kill('SIGTERM');
    await running.exited;
  };
  return {
    host: '127.0.0.1',
    port,
    user: username,
    keyFile: at('key'),
    knownHostsFile: at('known_hosts'),
    configure: (lines) => writeFile(at('host.conf'), lines.map((line) => `${line}\n`).join('')),
    force,
    async changeHostKey() {
      await end();
      await Promise.all([rm(at('host')), rm(at('host.pub'))]);
      await newKey(at('host'));
      running = await start();
    },
    signal: (name) => void running.server.kill(name),
    async connections() {
      const log = await readFile(at('log'), 'utf8');
      return [...log.matchAll(/Accepted publickey/g)].length;
    },
    async stop() {
      await end();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const sshdConfig = (port: number, at: (name: string) => string): string =>
  [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    `PidFile ${at('pid')}`,
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    // The directory stands under a world-writable one.
    'StrictModes no',
    'LogLevel VERBOSE',
    '',
  ].join('\n');

async function reachable(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'data'); // its greeting
  } finally {
    socket.destroy();
  }
}
