import type { PostgresServerReport } from '../../probes/postgres-server.ts';
import {
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { inFlightAt } from '../ledger.ts';
import { isIoWait, isStandbyWait, requestsWaiting, waitsOf } from '../waits.ts';
import { bytes, count, duration, percent } from '../words.ts';

const MAX_LISTED = 3;

/** A backup, a standby that catches up, or a synchronous standby that is slow, holds the requests up. */
export const replicationBackupLoad: CauseRule = {
  id: 'replication-backup-load',
  title: 'Backup or standby slows the database',
  explanation: {
    what: 'A backup or a standby that catches up reads the whole database from the disk that the requests need; or commits wait for a synchronous standby that is slow or away.',
    signs:
      'At least syncWaitShare of the busy sessions wait for a synchronous standby; or a backup or a catch-up runs while at least ioWaitShare of them wait for I/O. Ruled out when no backup runs, nothing catches up and no commit waits for a standby.',
    act: [
      'Pause or slow the backup, after asking who owns it.',
      'With a synchronous standby that is away: take it out of synchronous_standby_names, and reload.',
    ],
    avoid: [
      'Terminating a backup without its owner: it begins again from the start.',
      'Dropping a replication slot that a living standby uses.',
    ],
    prevent: [
      'Backups from a standby, or with a limit on their rate (pg_basebackup --max-rate).',
      'More than one candidate in synchronous_standby_names (ANY 1 (a, b)).',
      'max_slot_wal_keep_size, so that a dead slot cannot fill the disk.',
    ],
  },
  needs: ['postgres-server', 'active-queries'],
  explainedBy: [],

  judge(the) {
    const server = the.facts.reports['postgres-server'];
    const standby = waitsOf(the.facts, isStandbyWait);
    const io = waitsOf(the.facts, isIoWait);
    if (!server || !standby || !io) return couldNotLook('replication and backups were not looked at');
    const { syncWaitShare, ioWaitShare } = the.facts.service.thresholds;
    const load = loadOf(server);
    if (standby.share >= syncWaitShare) {
      const words = `${percent(standby.share)} of the busy sessions wait for a synchronous standby`;
      const evidence = [{ text: words, data: { ...standby } }, ...senderEvidence(server)];
      const inFlight = requestsWaiting(the.facts, isStandbyWait);
      return verdict(the, `Commits wait for a standby: ${words}.`, inFlight, evidence, STANDBY_ADVICE);
    }
    if (load.length === 0) return ruledOut(quietWords(server), slotEvidence(server));
    const [first] = load;
    if (io.share < ioWaitShare) {
      return ruledOut(
        `${first?.text}, but only ${percent(io.share)} of the busy sessions wait for I/O`,
        load,
      );
    }
    const evidence = [
      ...load,
      { text: `${percent(io.share)} of the busy sessions wait for I/O`, data: { ...io } },
    ];
    const summary = `${first?.text}, and ${percent(io.share)} of the busy database sessions wait for the disk.`;
    return verdict(the, summary, inFlightAt(the.ledger, 'db-io'), evidence, BACKUP_ADVICE);
  },
};

function verdict(
  the: Case,
  summary: string,
  inFlight: number,
  evidence: Evidence[],
  advice: string[],
): Verdict {
  const share = shareOf(inFlight, the.ledger);
  const withoutDot = summary.slice(0, -1);
  if (nobodySuffers(the)) return ruledOut(`${withoutDot}, but the API does not suffer`, evidence);
  if (share !== null && share < the.facts.service.thresholds.causeShare) {
    return ruledOut(`${withoutDot}, but that is only ${percent(share)} of the request time`, evidence);
  }
  // The views of replication and the waits of the sessions are two sources.
  return {
    status: 'found',
    share,
    confidence: confidence(true),
    summary,
    evidence,
    against: [],
    mitigations: [],
    advice,
  };
}

/** Backups that run, and standbys that are being brought up. */
function loadOf({ backups, senders }: PostgresServerReport): Evidence[] {
  const catching = senders.filter(
    ({ state }) => state === 'backup' || state === 'catchup' || state === 'startup',
  );
  return [
    ...backups.map(({ kind, pid, ageMs, phase }) => ({
      text: `A ${kind} (pid ${pid})${ageMs === null ? '' : ` has been running for ${duration(ageMs)}`}`,
      data: { kind, pid, ageMs, phase },
    })),
    ...catching.map((sender) => ({
      text: `Standby ${sender.application || `of pid ${sender.pid}`} is in ${sender.state}${sender.behindBytes === null ? '' : `, ${bytes(sender.behindBytes)} behind`}`,
      data: { ...sender },
    })),
  ].slice(0, MAX_LISTED);
}

function senderEvidence({ senders }: PostgresServerReport): Evidence[] {
  return senders
    .filter(({ syncState }) => syncState === 'sync' || syncState === 'quorum')
    .slice(0, MAX_LISTED)
    .map((sender) => ({
      text: `standby ${sender.application || `of pid ${sender.pid}`} is ${sender.state ?? 'in an unknown state'}${sender.replayLagMs === null ? '' : `, ${duration(sender.replayLagMs)} behind`}`,
      data: { ...sender },
    }));
}

const deadSlots = ({ slots }: PostgresServerReport) => slots.filter(({ active }) => !active);

function slotEvidence(server: PostgresServerReport): Evidence[] {
  return deadSlots(server)
    .slice(0, MAX_LISTED)
    .map((slot) => ({
      text: `nobody reads replication slot ${slot.name}${slot.retainedBytes === null ? '' : `, which keeps ${bytes(slot.retainedBytes)} of log`}`,
      data: { ...slot },
    }));
}

function quietWords(server: PostgresServerReport): string {
  const dead = deadSlots(server).length;
  const slots =
    dead > 0 ? `; ${count(dead, 'replication slot is', 'replication slots are')} read by nobody` : '';
  return `no backup runs, no standby catches up, and no commit waits for one${slots}`;
}

const BACKUP_ADVICE = [
  'Ask the owner of the backup whether it may stop; it begins again from the start.',
  'To slow it down instead: pg_basebackup --max-rate=20M, or ionice -c3 -p <pid of its process on the machine>.',
];
const STANDBY_ADVICE = [
  "When the standby cannot be mended at once: alter system set synchronous_standby_names = ''; select pg_reload_conf(); a failover may then lose the last commits, so a person decides.",
];
