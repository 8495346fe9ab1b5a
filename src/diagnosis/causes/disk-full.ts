import type { HostFacts } from '../../probes/host.ts';
import {
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { hostName, unseenHost } from '../hosts.ts';
import { bytes, percent } from '../words.ts';

const MAX_LISTED = 3;
/** Nothing of a service writes there: kernels, packages that are always full, removable disks. */
const NOT_OURS = /^\/(boot|efi|snap|media)(\/|$)/;
/** psycopg's name for SQLSTATE 53100. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const DISK_FULL_ERROR = /DiskFull/;

interface Full {
  host: HostFacts;
  filesystem: HostFacts['filesystems'][number];
}

/** A file system has no space or no inodes left: PostgreSQL cannot write its log, and hangs or stops. */
export const diskFull: CauseRule = {
  id: 'disk-full',
  title: 'Disk full',
  hardStop: true,
  explanation: {
    what: 'A file system has no space, or no inodes, left. PostgreSQL cannot extend a table or write its log; statements fail, and when the log has no room the server stops.',
    signs:
      'At least diskFullRatio of a file system is used and less than diskFreeBytes is left, or its inodes are used up; or the log of the API tells of DiskFull errors. Ruled out while there is space.',
    act: [
      'Free space: old logs, temporary files, dumps.',
      'Look for a replication slot that nobody reads: it keeps the write-ahead log.',
    ],
    avoid: [
      'Deleting anything in pg_wal by hand: the database does not come up again.',
      'VACUUM FULL: it needs as much space again.',
    ],
    prevent: [
      'Alerts at 80 % and 90 %, for inodes too.',
      'max_slot_wal_keep_size, temp_file_limit, and rotation of logs.',
    ],
  },
  needs: ['host'],
  explainedBy: [],

  judge(the) {
    const hosts = the.facts.reports.host?.hosts ?? [];
    const all = hosts.flatMap((host) => host.filesystems.map((filesystem) => ({ host, filesystem })));
    const ours = all.filter(({ filesystem }) => !NOT_OURS.test(filesystem.mount));
    const full = ours.filter(({ filesystem }) => isFull(the, filesystem)).sort(byRoom);
    const errors = diskFullErrors(the);
    const [worst] = full;
    if (!worst && errors === 0) return notFull(the, hosts, ours);
    const nothingLeft = worst !== undefined && isEmpty(worst.filesystem);
    if (worst && !nothingLeft && errors === 0 && nobodySuffers(the)) {
      return ruledOut(`${wordsOf(worst)}: not a cause yet, the API does not suffer`, full.map(evidenceOf));
    }
    return {
      status: 'found',
      share: null,
      confidence: confidence(errors > 0 || nothingLeft),
      summary: worst
        ? `The disk is full: ${wordsOf(worst)}.`
        : `PostgreSQL has no disk space left: the log of the API has ${errors} DiskFull errors.`,
      evidence: [
        ...full.slice(0, MAX_LISTED).map(evidenceOf),
        ...(errors > 0
          ? [{ text: `the log of the API has ${errors} DiskFull errors`, data: { errors } }]
          : []),
      ],
      against: [],
      mitigations: [],
      advice: adviceFor(worst),
    };
  },
};

function isFull(
  { facts }: Case,
  { usedRatio, availableBytes, inodesUsedRatio }: Full['filesystem'],
): boolean {
  const { diskFullRatio, diskFreeBytes } = facts.service.thresholds;
  // 95 % of a large disk leave plenty; a percentage alone would be found on many healthy machines.
  return (
    (usedRatio >= diskFullRatio && availableBytes < diskFreeBytes) || (inodesUsedRatio ?? 0) >= diskFullRatio
  );
}

const isEmpty = ({ availableBytes, inodesUsedRatio }: Full['filesystem']): boolean =>
  availableBytes === 0 || inodesUsedRatio === 1;

function byRoom(a: Full, b: Full): number {
  return (
    a.filesystem.availableBytes - b.filesystem.availableBytes ||
    a.filesystem.mount.localeCompare(b.filesystem.mount)
  );
}

function diskFullErrors({ facts }: Case): number {
  const exceptions = facts.reports['request-log']?.exceptions ?? [];
  return exceptions.filter(({ name }) => DISK_FULL_ERROR.test(name)).reduce((sum, one) => sum + one.count, 0);
}

function wordsOf({ host, filesystem }: Full): string {
  const { mount, usedRatio, availableBytes, inodesUsedRatio } = filesystem;
  const where = `${mount} on ${hostName(host)}`;
  return inodesUsedRatio !== null && inodesUsedRatio > usedRatio
    ? `${where} has used ${percent(inodesUsedRatio)} of its inodes`
    : `${where} is ${percent(usedRatio)} used, ${bytes(availableBytes)} are left`;
}

function evidenceOf(full: Full): Evidence {
  return { text: wordsOf(full), data: { ...full.filesystem, host: full.host.title } };
}

function notFull({ facts }: Case, hosts: readonly HostFacts[], ours: readonly Full[]): Verdict {
  const [unseen] = facts.reports.host?.notSeen ?? [];
  if (unseen) return couldNotLook(unseenHost(facts, unseen.what.endsWith('database') ? 'database' : 'api'));
  const blind = hosts.find(({ filesystems }) => filesystems.length === 0);
  if (blind || ours.length === 0) {
    return couldNotLook(`the file systems of ${blind ? hostName(blind) : 'the machines'} could not be seen`);
  }
  const [fullest] = ours.toSorted((a, b) => b.filesystem.usedRatio - a.filesystem.usedRatio || byRoom(a, b));
  const text = fullest ? `there is space: ${wordsOf(fullest)}` : 'there is space';
  return ruledOut(text, fullest ? [evidenceOf(fullest)] : []);
}

function adviceFor(worst: Full | undefined): string[] {
  const mount = worst?.filesystem.mount ?? '/var/lib/postgresql';
  return [
    `See what takes the space: du -xh --max-depth=3 '${mount.replaceAll("'", "'\\''")}' | sort -h | tail -20`,
    "Slots that keep the write-ahead log: select slot_name, active, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) from pg_replication_slots; a dead one is dropped with select pg_drop_replication_slot('<name>');",
    'Never delete files in pg_wal by hand.',
  ];
}
