import { configFingerprint } from '../config/fingerprint.ts';
import type { NamedService } from '../config/schema.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';

/** Proves later under which rules something was approved. */
export async function recordConfiguration(
  db: Database,
  services: ReadonlyMap<string, NamedService>,
): Promise<void> {
  const body = {
    hash: configFingerprint(Object.fromEntries(services)),
    services: [...services.keys()].sort(),
  };
  await db.transaction((tx) =>
    appendAudit(tx, { actor: 'latency-bot', kind: 'config.loaded', subject: 'config', body }),
  );
}
