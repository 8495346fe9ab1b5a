import type { PostgresServerReport } from '../../probes/postgres-server.ts';
import { type CauseRule, confidence, couldNotLook, nobodySuffers, ruledOut, shareOf } from '../cause-rule.ts';
import { isSyncWait, requestsWaiting, waitsOf } from '../waits.ts';
import { bytes, count, decimal, duration, percent } from '../words.ts';

/** Checkpoints are forced by the amount of writing, and their fsync holds everybody up. */
export const checkpointStorm: CauseRule = {
  id: 'checkpoint-storm',
  title: 'Checkpoints forced by writing',
  explanation: {
    what: 'So much is written that the write-ahead log reaches max_wal_size again and again. Each time PostgreSQL has to write all changed blocks at once and wait until they are on disk; and after each, every first change of a block writes the whole block to the log.',
    signs:
      'A checkpoint was requested within the window, and at least syncWaitShare of the busy sessions wait for fsync or for the log. Ruled out when checkpoints come by the clock alone, or when nobody waits for them.',
    act: ['Slow down or stop the bulk writer.', 'Raise max_wal_size; a reload is enough.'],
    avoid: [
      'A manual CHECKPOINT: it is one more.',
      'fsync = off or full_page_writes = off: a crash then costs the database.',
    ],
    prevent: [
      'max_wal_size so large that checkpoints come by checkpoint_timeout, and checkpoint_completion_target = 0.9.',
      'log_checkpoints = on, and an alert on requested checkpoints.',
      'Bulk imports in smaller batches, at quiet hours.',
    ],
  },
  needs: ['postgres-server', 'active-queries'],
  explainedBy: ['memory-swap-oom'],

  judge(the) {
    const server = the.facts.reports['postgres-server'];
    const waits = waitsOf(the.facts, isSyncWait);
    const { syncWaitShare, causeShare } = the.facts.service.thresholds;
    if (!server || !waits) return couldNotLook('checkpoints were not looked at');
    const { requested, timed } = server.activity.checkpoints;
    if (requested === null) return couldNotLook('the counters of checkpoints were reset while we looked');
    const evidence = [
      { text: checkpointWords(server), data: { ...server.activity.checkpoints } },
      {
        text: `on average ${decimal(waits.waiting)} of ${decimal(waits.totalActive)} busy processes waited for fsync or the log`,
        data: { ...waits },
      },
    ];
    if (requested === 0)
      return ruledOut(`no checkpoint was forced in the window (${timed ?? 0} by the clock)`, evidence);
    const share = shareOf(requestsWaiting(the.facts, isSyncWait), the.ledger);
    if (waits.share < syncWaitShare || (share !== null && share < causeShare)) {
      const words = `${count(requested, 'checkpoint was', 'checkpoints were')} forced`;
      return ruledOut(
        `${words}, but only ${percent(waits.share)} of the busy sessions wait for fsync or the log`,
        evidence,
      );
    }
    if (nobodySuffers(the))
      return ruledOut('checkpoints are forced by writing, but the API does not suffer', evidence);
    const walBytes = server.activity.wal.bytes;
    return {
      status: 'found',
      share,
      confidence: confidence(true), // the counters of the server and the waits of its sessions are two sources
      summary: `PostgreSQL is forced to checkpoint by writing (${checkpointWords(server)}): ${percent(waits.share)} of its busy sessions wait for fsync or the log.`,
      evidence: [...evidence, ...(walBytes === null ? [] : [walEvidence(walBytes, server)])],
      against: [],
      mitigations: [],
      advice: adviceFor(server),
    };
  },
};

function checkpointWords({ activity }: PostgresServerReport): string {
  const { requested, timed, syncMs } = activity.checkpoints;
  const sync = syncMs !== null && syncMs > 0 ? `, ${duration(syncMs)} of fsync` : '';
  return `${requested ?? 0} forced and ${timed ?? 0} timed in ${duration(activity.windowMs)}${sync}`;
}

function walEvidence(walBytes: number, { activity }: PostgresServerReport) {
  const perSecond = walBytes / (activity.windowMs / 1_000);
  return { text: `${bytes(perSecond)} of write-ahead log a second`, data: { ...activity.wal, perSecond } };
}

function adviceFor({ settings }: PostgresServerReport): string[] {
  const size = settings.find(({ name }) => name === 'max_wal_size');
  const now = size ? ` (now ${size.setting}${size.unit ? ` ${size.unit}` : ''})` : '';
  const doubled = size?.unit === 'MB' ? `'${Number(size.setting) * 4}MB'` : "'<four times as much>'";
  return [
    `Where the disk has the room, let checkpoints be rarer${now}: alter system set max_wal_size = ${doubled}; select pg_reload_conf();`,
    'Slow the bulk writer down: smaller batches, with a pause between them.',
  ];
}
