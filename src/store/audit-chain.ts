import { createHash } from 'node:crypto';

/** One entry as it is stored. */
export interface AuditRow {
  seq: number;
  at: string;
  actor: string;
  kind: string;
  subject: string;
  body: string;
  prev: Buffer;
  hash: Buffer;
}

/** What the first entry follows. */
export const GENESIS = Buffer.alloc(32);

/** How far from its place an entry is looked for before it counts as changed. */
const REACH = 1_000;

/** Why the chain breaks at an entry. */
export interface Break {
  seq: number;
  why: 'changed' | 'missing' | 'reordered';
  detail: string;
}

/** What an entry has to be signed with at this place. */
export function chainHash(prev: Buffer, seq: number, body: string): Buffer {
  return createHash('sha256').update(prev).update(String(seq)).update(body).digest();
}

/** How `row` breaks the chain after entry `seq` with this hash; null when it follows. */
export function breakAt(seq: number, hash: Buffer, row: AuditRow): Break | null {
  const place = seq + 1;
  if (row.seq !== place) {
    return { seq: place, why: 'missing', detail: `entry ${place} is missing, the next one is ${row.seq}` };
  }
  if (row.hash.equals(chainHash(row.prev, place, row.body))) {
    if (!row.prev.equals(hash)) {
      const detail = `entry ${place} does not follow entry ${seq}: one of them was rewritten, or entries between them are gone`;
      return { seq: place, why: 'changed', detail };
    }
    if (bodyAgrees(row)) return null;
    return { seq: place, why: 'changed', detail: `entry ${place} says something else than its signed text` };
  }
  const written = placeOf(row);
  if (written !== null) {
    return { seq: place, why: 'reordered', detail: `entry ${place} was written as entry ${written}` };
  }
  return { seq: place, why: 'changed', detail: `entry ${place} does not match its hash` };
}

/** The place at which this entry was signed, when it is near. */
function placeOf({ seq, prev, body, hash }: AuditRow): number | null {
  for (let distance = 1; distance <= REACH; distance += 1) {
    for (const place of [seq - distance, seq + distance]) {
      if (place > 0 && hash.equals(chainHash(prev, place, body))) return place;
    }
  }
  return null;
}

/** Whether the columns, which people read, say what the hashed body says. */
function bodyAgrees({ at, actor, kind, subject, body }: AuditRow): boolean {
  const hashed = parsed(body);
  return hashed.at === at && hashed.actor === actor && hashed.kind === kind && hashed.subject === subject;
}

/** A forger may have left something that is no JSON: it then agrees with nothing. */
function parsed(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
