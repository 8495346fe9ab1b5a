import { writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 150;
const TRIES = 40;

/** The command that runs a program at a lower priority: `nice` replaces itself, so that the pid is the program's. */
export function nicely(niceness: number, program: string, args: string[]): [string, string[]] {
  if (niceness === 0 || platform() === 'win32') return [program, args];
  return ['nice', ['-n', String(niceness), program, ...args]];
}

/**
 * The same for a session of its own. Linux desktops share the CPU between sessions first (sched_autogroup), where
 * the niceness of a process counts within its session alone, and each session has one too. sched(7).
 */
export async function lowerSession(pid: number | undefined, niceness: number): Promise<void> {
  if (niceness === 0 || pid === undefined || platform() !== 'linux') return;
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      await writeFile(`/proc/${pid}/autogroup`, String(niceness));
      return;
    } catch (error) {
      // The kernel takes one change in 100 ms from users that are not root. Anything else means: no such file,
      // because the kernel does without sessions' shares or the process is gone, or no right to it.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
    await sleep(RETRY_MS, undefined, { ref: false });
  }
}
