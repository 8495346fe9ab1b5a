import { userMessageOf } from '../errors.ts';
import { machineLookOf } from '../targets/machine-look.ts';
import type { MitigationContext } from './mitigation.ts';

export interface DiskRoom {
  freeBytes: number | null;
  freeUnknown: string | null;
}

/** What is free on the file system of this directory of PostgreSQL, where the bot may look at its machine. */
export async function diskRoom(directory: string | null, context: MitigationContext): Promise<DiskRoom> {
  const { host, databaseHost } = context.targets;
  const machine = databaseHost ?? (host?.runsPostgres ? host : undefined);
  if (!machine) return unknown('the bot does not look at the machine of PostgreSQL (targets.databaseHost)');
  if (directory === null) return unknown('the data directory may not be seen (pg_monitor)');
  try {
    const { filesystems } = machineLookOf(await machine.look('resources', context.signal));
    const [nearest] = filesystems
      .filter(({ mount }) => mount === '/' || directory === mount || directory.startsWith(`${mount}/`))
      .toSorted((a, b) => b.mount.length - a.mount.length);
    return nearest
      ? { freeBytes: nearest.availableBytes, freeUnknown: null }
      : unknown('df named no file system for the data directory');
  } catch (error) {
    // Said in the dry run: an unknown disk is shown as one, and stops nobody.
    return unknown(userMessageOf(error));
  }
}

const unknown = (reason: string): DiskRoom => ({ freeBytes: null, freeUnknown: reason });
