import { constants, existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, parse } from 'node:path';
import { BotError } from '../errors.ts';

/** How to run a program so that PostgreSQL accepts it: it refuses to run as root. */
export interface Launcher {
  command(program: string, args: string[]): [string, string[]];
  spawnOptions: { uid?: number; gid?: number };
  owner: { uid: number; gid: number } | null;
}

/** The launcher for a data directory, as this user can have it. */
export async function unprivilegedLauncher(dataDir: string, program: string): Promise<Launcher> {
  if (process.getuid?.() !== 0) {
    return { command: (p, args) => [p, args], spawnOptions: {}, owner: null };
  }
  const owner = await unprivilegedUser();
  const reachable = (await isReachableByOthers(dataDir)) && (await isReachableByOthers(program));
  if (reachable) return { command: (p, args) => [p, args], spawnOptions: owner, owner };
  // A checkout below /root: the server's user may not pass through, so it keeps the one capability it needs.
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
  if (!setpriv) {
    throw new BotError(
      'embedded-postgres',
      `PostgreSQL does not run as root, and its user cannot reach ${dataDir}: run from a directory that everybody may enter, or as another user`,
    );
  }
  const drop = [
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override,+dac_read_search',
    '--ambient-caps=+dac_override,+dac_read_search',
    '--',
  ];
  return { command: (p, args) => [setpriv, [...drop, p, ...args]], spawnOptions: {}, owner };
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number }> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '');
  for (const name of ['postgres', 'nobody']) {
    const fields = users
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':');
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return { uid: 65534, gid: 65534 };
}

async function isReachableByOthers(path: string): Promise<boolean> {
  for (let dir = dirname(path); dir !== parse(dir).root; dir = dirname(dir)) {
    const entry = await stat(dir).catch(() => null);
    if (entry && (entry.mode & constants.S_IXOTH) === 0) return false;
  }
  return true;
}
