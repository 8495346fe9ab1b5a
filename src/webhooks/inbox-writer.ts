import { type Delivery, deliveryKey, storeDeliveries } from '../store/alert-inbox.ts';
import type { Db } from '../store/database.ts';

export interface InboxWriter {
  /** Resolves once it is committed. */
  write(delivery: Delivery): Promise<'stored' | 'duplicate'>;
}

interface Waiting {
  delivery: Delivery;
  done(outcome: 'stored' | 'duplicate'): void;
  failed(error: unknown): void;
}

const MAX_DELIVERIES = 200;
const MAX_ALERTS = 5_000;

/** Writes what arrives while the store is busy in one statement: a storm costs commits, not one per alert. */
export function openInboxWriter(db: Db): InboxWriter {
  const waiting: Waiting[] = [];
  let writing = false;
  const drain = async () => {
    if (writing) return;
    writing = true;
    while (waiting.length > 0) await writeBatch(db, takeBatch(waiting));
    writing = false;
  };
  return {
    write: (delivery) =>
      new Promise((done, failed) => {
        waiting.push({ delivery, done, failed });
        void drain();
      }),
  };
}

function takeBatch(waiting: Waiting[]): Waiting[] {
  let alerts = 0;
  const upTo = waiting.findIndex(({ delivery }, i) => {
    alerts += delivery.alerts.length;
    return i > 0 && (i >= MAX_DELIVERIES || alerts > MAX_ALERTS);
  });
  return waiting.splice(0, upTo === -1 ? waiting.length : upTo);
}

/** Never throws: every delivery gets its own answer. */
async function writeBatch(db: Db, batch: Waiting[]): Promise<void> {
  // The same body twice in one statement would be one row too many for its conflict.
  const first = new Map<string, Waiting>();
  for (const one of batch) if (!first.has(keyOf(one))) first.set(keyOf(one), one);
  try {
    const stored = await storeDeliveries(
      db,
      [...first.values()].map(({ delivery }) => delivery),
    );
    for (const one of batch) {
      const isNew = first.get(keyOf(one)) === one && stored.has(keyOf(one));
      one.done(isNew ? 'stored' : 'duplicate');
    }
  } catch (error) {
    // What the store cannot hold must cost itself alone.
    if (batch.length > 1 && isDataError(error)) for (const one of batch) await writeBatch(db, [one]);
    else for (const one of batch) one.failed(error);
  }
}

function keyOf({ delivery }: Waiting): string {
  return deliveryKey(delivery);
}

/** Class 22 of https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isDataError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('22');
}
