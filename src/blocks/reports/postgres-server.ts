import { count, decimal } from '../../diagnosis/words.ts';
import type { PostgresServerReport } from '../../probes/postgres-server.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { milliseconds, percent } from '../text.ts';
import { bytes, notSeenBlocks } from './report-words.ts';

const MAX_LINES = 6;
/** A server that started within this time still warms its buffers. */
const YOUNG_MS = 15 * 60_000;

/** What the server as a whole did within the window. */
export function postgresServerBlocks(report: PostgresServerReport): MessageBlock[] {
  const { version, inRecovery, uptimeMs, roundTrip, activity, notSeen } = report;
  const lines = remarks(report);
  const more = lines.length > MAX_LINES ? [`and ${lines.length - MAX_LINES} more`] : [];
  return [
    rich(
      span(
        `PostgreSQL ${version}${inRecovery ? ', a standby' : ''} answers in ${roundTrip.p50Ms.toFixed(1)} ms; up for ${milliseconds(uptimeMs)}.`,
        { bold: true },
      ),
    ),
    ...table('Within the window', ['what', 'how much'], counters(report)),
    ...(lines.length > 0 ? [bullets([...lines.slice(0, MAX_LINES), ...more], undefined, 200)] : []),
    context(`Counted over ${milliseconds(activity.windowMs)}.`),
    ...notSeenBlocks(notSeen),
  ];
}

function counters({ activity, temporaryFiles }: PostgresServerReport): string[][] {
  const { checkpoints, wal, database, windowMs } = activity;
  const perSecond = (value: number | null) =>
    value === null || windowMs <= 0 ? 'not counted' : `${decimal((value * 1_000) / windowMs)} a second`;
  const plain = (value: number | null) => (value === null ? 'not counted' : String(value));
  const size = (value: number | null) => (value === null ? 'not counted' : bytes(value));
  return [
    ['transactions', `${perSecond(database.commits)}, ${plain(database.rollbacks)} rolled back`],
    ['blocks from the buffers', fromBuffers(database.blksHit, database.blksRead)],
    ['new connections', perSecond(database.sessions)],
    ['temporary files of what ended', `${plain(database.tempFiles)} (${size(database.tempBytes)})`],
    ...(temporaryFiles ? [['temporary files now', nowOnDisk(temporaryFiles)]] : []),
    ['WAL', size(wal.bytes)],
    [
      'checkpoints',
      `${plain(checkpoints.timed)} by time, ${plain(checkpoints.requested)} requested, sync ${milliseconds(checkpoints.syncMs)}`,
    ],
    ['deadlocks', plain(database.deadlocks)],
  ];
}

function nowOnDisk(files: NonNullable<PostgresServerReport['temporaryFiles']>): string {
  const [most] = files;
  if (!most) return 'none';
  const total = files.reduce((sum, { bytes: each }) => sum + each, 0);
  return `${bytes(total)} in ${count(files.length, 'process', 'processes')}, the most by pid ${most.pid}`;
}

function fromBuffers(hit: number | null, read: number | null): string {
  if (hit === null || read === null) return 'not counted';
  return hit + read > 0 ? percent(hit / (hit + read)) : 'none read';
}

function remarks(report: PostgresServerReport): string[] {
  const { uptimeMs, activity, slots, senders, backups, settings } = report;
  const pending = settings.filter(({ pendingRestart }) => pendingRestart).map(({ name }) => name);
  const dead = slots.filter(({ active }) => !active);
  const autovacuum = settings.find(({ name }) => name === 'autovacuum');
  return [
    ...(uptimeMs < YOUNG_MS ? ['the server started lately: its buffers may still be cold'] : []),
    ...(activity.reset.length > 0 ? [`counters were reset: ${activity.reset.join(', ')}`] : []),
    ...(autovacuum?.setting === 'off' ? ['autovacuum is off for the whole server'] : []),
    ...backups.map(({ kind, pid, phase }) => `a ${kind} is running (pid ${pid}, ${phase ?? 'beginning'})`),
    ...dead.map(
      ({ name, retainedBytes }) =>
        `the slot ${name} is used by nobody and keeps ${retainedBytes === null ? 'WAL' : `${bytes(retainedBytes)} of WAL`}`,
    ),
    ...senders.map(
      ({ application, syncState, replayLagMs }) =>
        `the standby ${application || '(no name)'} (${syncState ?? 'unknown'}) is ${replayLagMs === null ? 'without a lag to report' : `${milliseconds(replayLagMs)} behind`}`,
    ),
    ...(pending.length > 0
      ? [`${count(pending.length, 'setting waits', 'settings wait')} for a restart: ${pending.join(', ')}`]
      : []),
  ];
}
