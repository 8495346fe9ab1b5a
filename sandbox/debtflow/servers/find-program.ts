import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

// Debian keeps pgbouncer in /usr/sbin, which is on root's PATH alone; Homebrew's directories are not on every PATH.
const ALSO = ['/usr/local/bin', '/usr/bin', '/usr/local/sbin', '/usr/sbin', '/opt/homebrew/bin'];

/** The program's path, or null when it is not on this machine. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | null {
  const directories = [...path.split(delimiter).filter((directory) => directory !== ''), ...ALSO];
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for us: the next directory may have it
  }
}
