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
import { type DiskState, diskStateOf } from '../disks.ts';
import { hostName, hostOf, unseenHost } from '../hosts.ts';
import { inFlightAt } from '../ledger.ts';
import { isIoWait, type Waits, waitsOf } from '../waits.ts';
import { count, decimal, percent, sessionName } from '../words.ts';

const MAX_GENERATORS = 3;
const BLOCK_BYTES = 8_192;

/** The disk under the database is the bottleneck: its sessions wait for reads and writes. */
export const ioSaturation: CauseRule = {
  id: 'io-saturation',
  title: 'Disk saturated',
  explanation: {
    what: 'The disk of PostgreSQL has more to do than it can. Sessions wait for every block they read, and commits for the log to be written.',
    signs:
      'At least ioWaitShare of the busy sessions wait for I/O, and the machine says the same: everything waits for the disk in ioPressurePercent of the time, or a disk request takes diskAwaitMs. Ruled out when sessions do not wait for I/O, or when the disk is quick.',
    act: [
      'Find the generator and stop it: a statement that reads whole tables, a vacuum, a backup, a batch job, another program.',
    ],
    avoid: [
      'VACUUM or CREATE INDEX now: both read and write the whole table.',
      'More workers: each brings more reads.',
    ],
    prevent: [
      'Indexes for what is read, and shared_buffers and memory for what is hot.',
      'Backups and batch jobs with a limit on their I/O, and at other hours.',
      'track_io_timing = on, so that the next time says which statement it is.',
    ],
  },
  needs: ['active-queries'],
  explainedBy: [
    ...['missing-index', 'sort-spill', 'checkpoint-storm', 'replication-backup-load', 'wraparound-vacuum'],
    ...['memory-swap-oom', 'long-running-query', 'plan-regression', 'stale-stats-bloat'],
  ],

  judge(the) {
    const waits = waitsOf(the.facts, isIoWait);
    if (!waits) return couldNotLook('what the sessions wait for was not looked at');
    const { ioWaitShare, causeShare } = the.facts.service.thresholds;
    const words = `${percent(waits.share)} of the busy database sessions wait for I/O`;
    const evidence = [{ text: waitWords(waits), data: { ...waits } }];
    if (waits.share < ioWaitShare) return ruledOut(words, evidence);
    const share = shareOf(inFlightAt(the.ledger, 'db-io'), the.ledger);
    if (share !== null && share < causeShare) {
      return ruledOut(`${words}, but that is only ${percent(share)} of the request time`, evidence);
    }
    const host = hostOf(the.facts, 'database');
    if (!host) return couldNotLook(`${words}, but ${unseenHost(the.facts, 'database')}`);
    const disk = diskStateOf(the.facts, host);
    if (!disk)
      return couldNotLook(`${words}, but how busy the disks of ${hostName(host)} are could not be seen`);
    const both = [...evidence, { text: `${hostName(host)}: ${disk.words}`, data: disk.data }];
    if (!disk.slow) return ruledOut(`${words}, but the disk is quick: ${disk.words}`, both);
    return nobodySuffers(the)
      ? ruledOut(`${words}, but the API does not suffer`, both)
      : found(the, disk, both, share);
  },
};

function found(the: Case, disk: DiskState, evidence: Evidence[], share: number | null): Verdict {
  const generators = generatorsOf(the);
  const waits = waitsOf(the.facts, isIoWait);
  const explains = share === null ? '' : `, ${percent(share)} of request time`;
  return {
    status: 'found',
    share,
    // What PostgreSQL waits for and what the kernel measures are two sources.
    confidence: confidence(true),
    summary: `The disk of PostgreSQL is saturated: ${percent(waits?.share ?? 0)} of its busy sessions wait for I/O${explains}; ${disk.words}.`,
    evidence: [...evidence, ...generators],
    against:
      generators.length > 0
        ? []
        : [
            {
              text: 'nothing inside PostgreSQL reads or writes much: another program on the machine may',
              data: {},
            },
          ],
    mitigations: [],
    advice: [
      generators.length > 0
        ? 'Stop or slow down what reads and writes the most (above) first; the disk follows at once.'
        : 'Find the program that writes: pidstat -d 1 3, or iotop -obn 2, as root on the machine of PostgreSQL.',
      ...ADVICE,
    ],
  };
}

const ADVICE = [
  'A batch job that has to go on can be slowed down: systemctl set-property <unit> IOWeight=10, or ionice -c3 -p <pid>.',
  'Do not VACUUM and do not build indexes before the disk has room again.',
];

const waitWords = ({ waiting, totalActive, events }: Waits): string =>
  `on average ${decimal(waiting)} of ${decimal(totalActive)} busy processes waited for I/O${events.length > 0 ? ` (${events.join(', ')})` : ''}`;

/** Who reads and writes inside PostgreSQL: vacuums, and the statements with the most blocks. */
function generatorsOf({ facts }: Case): Evidence[] {
  const vacuums = (facts.reports['active-queries']?.sessions ?? []).filter(
    ({ backendType }) => backendType === 'autovacuum worker',
  );
  const blocksOf = (statement: { sharedBlksRead: number; tempBlksRead: number; tempBlksWritten: number }) =>
    statement.sharedBlksRead + statement.tempBlksRead + statement.tempBlksWritten;
  const statements = (facts.reports['top-statements']?.statements ?? [])
    .filter((statement) => blocksOf(statement) > 0)
    .sort((a, b) => blocksOf(b) - blocksOf(a))
    .slice(0, MAX_GENERATORS);
  return [
    ...vacuums.slice(0, MAX_GENERATORS).map((session) => ({
      text: `${sessionName(session)} vacuums: ${session.query.text}`,
      data: { pid: session.pid },
    })),
    ...statements.map((statement) => ({
      text: `${count(Math.round(blocksOf(statement)), 'block', 'blocks')} read from disk or spilled in the window by: ${statement.query.text}`,
      data: {
        fingerprint: statement.query.fingerprint,
        role: statement.role,
        bytes: blocksOf(statement) * BLOCK_BYTES,
      },
    })),
  ];
}
