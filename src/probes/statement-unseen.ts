import type { StatementSample } from '../targets/statement-samples.ts';
import type { NotSeen } from './not-seen.ts';

/** What a sample of pg_stat_statements cannot tell. */
export function unseenOf(sample: StatementSample): NotSeen[] {
  const unseen: NotSeen[] = [];
  if (sample.reset) {
    unseen.push({
      what: 'statements before the reset',
      reason: 'pg_stat_statements was reset within the window: only what ended since is counted',
      remedy: null,
    });
  }
  if (sample.entriesReset > 0) {
    unseen.push({
      what: `what ${sample.entriesReset} statements did at the begin of the window`,
      reason: 'their entries were reset or evicted within it',
      remedy: null,
    });
  }
  if (sample.evictions === null && !sample.reset) {
    unseen.push({
      what: 'evictions',
      reason: 'pg_stat_statements before version 1.9 does not count them',
      remedy: 'alter extension pg_stat_statements update (PostgreSQL 14 or later)',
    });
  }
  if ((sample.evictions ?? 0) > 0) {
    unseen.push({
      what: 'rare statements',
      reason: `pg_stat_statements is full (${sample.maxEntries} entries) and dropped some within the window`,
      remedy: 'raise pg_stat_statements.max (takes a restart)',
    });
  }
  if (!sample.ioTimed) {
    unseen.push({
      what: 'time that statements waited for I/O',
      reason: 'track_io_timing is off',
      remedy: 'alter system set track_io_timing = on; select pg_reload_conf()',
    });
  }
  return unseen;
}
