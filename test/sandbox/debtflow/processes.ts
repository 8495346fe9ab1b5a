import { readdirSync, readFileSync } from 'node:fs';

/** The children of a process, oldest first, with their command line. */
export function childrenOf(pid: number): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid)
    .sort((a, b) => a - b)
    .map((child) => ({ pid: child, command: read(`/proc/${child}/cmdline`).replaceAll('\0', ' ').trim() }));
}

export function isAlive(pid: number): boolean {
  const state = / ([A-Z]) \d+ /.exec(read(`/proc/${pid}/stat`).replace(/\(.*\)/, ''))?.[1];
  return state !== undefined && state !== 'Z';
}

/** How many connections wait in the listen queue of a loopback port. */
export function listenQueue(port: number): number {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of read('/proc/net/tcp').split('\n')) {
    const [, local, , state, queues] = line.trim().split(/\s+/);
    if (state === '0A' && local?.endsWith(wanted)) return Number.parseInt(queues?.split(':')[1] ?? '', 16);
  }
  throw new Error(`nobody listens on ${port}`);
}

function parentOf(pid: number): number | null {
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /, '')
    .split(' ');
  return fields[0] === 'Z' || fields.length < 2 ? null : Number(fields[1]);
}

/** Empty when the process ended in between. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return '';
    throw error;
  }
}
