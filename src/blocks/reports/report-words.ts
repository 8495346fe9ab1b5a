import type { NotSeen } from '../../probes/not-seen.ts';
import { bullets, type MessageBlock } from '../kit.ts';

const MAX_NOT_SEEN = 4;
const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** A size as PostgreSQL's pg_size_pretty() says it: "8 kB", "1.5 GB". */
export function bytes(size: number): string {
  if (!Number.isFinite(size)) return 'unknown';
  let value = Math.max(0, size);
  let unit = 0;
  for (; value >= 1_024 && unit < UNITS.length - 1; unit += 1) value /= 1_024;
  return `${value < 10 && unit > 0 ? Math.round(value * 10) / 10 : Math.round(value)} ${UNITS[unit]}`;
}

/** What a probe could not look at, and what would help. */
export function notSeenBlocks(notSeen: readonly NotSeen[]): MessageBlock[] {
  if (notSeen.length === 0) return [];
  const lines = notSeen
    .slice(0, MAX_NOT_SEEN)
    .map(({ what, reason, remedy }) => `${what}: ${reason}${remedy ? ` (${remedy})` : ''}`);
  const more = notSeen.length > MAX_NOT_SEEN ? [`and ${notSeen.length - MAX_NOT_SEEN} more`] : [];
  return [bullets([...lines, ...more], 'Not seen', 300)];
}
