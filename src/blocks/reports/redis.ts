import { decimal } from '../../diagnosis/words.ts';
import type { RedisReport } from '../../probes/redis.ts';
import { bullets, type MessageBlock, rich, span, table } from '../kit.ts';
import { milliseconds, percent } from '../text.ts';
import { bytes, notSeenBlocks } from './report-words.ts';

const MAX_COMMANDS = 6;
const MAX_FACTS = 8;
/** Commands that take less of the time are not worth a line. */
const NOTEWORTHY_BUSY = 0.001;

/** How long Redis lets its callers wait, and what it is busy with. */
export function redisBlocks(report: RedisReport): MessageBlock[] {
  const { ping } = report;
  const lost = ping.unanswered + ping.failed;
  const silence = lost > 0 ? ` ${lost} of ${ping.sent} pings got no answer in time.` : '';
  return [
    rich(
      span(
        `Redis answers a PING in ${fine(ping.p50Ms)} (p99 ${fine(ping.p99Ms)}, at most ${fine(ping.maxMs)}).`,
        {
          bold: true,
        },
      ),
      span(`${silence} ${load(report)}`),
    ),
    ...commandTable(report),
    ...troubles(report),
    ...notSeenBlocks(report.notSeen),
  ];
}

function load({ change, memory, clients }: RedisReport): string {
  const parts = [
    change?.opsPerSecond != null ? `${Math.round(change.opsPerSecond)} commands/s` : null,
    change?.busyRatio != null ? `busy ${percent(change.busyRatio)} of the time` : null,
    memory?.usedBytes != null
      ? `${bytes(memory.usedBytes)} of ${memory.maxBytes === null ? 'unlimited' : bytes(memory.maxBytes)} memory (${memory.policy ?? 'policy unknown'})`
      : null,
    clients?.connected != null
      ? `${clients.connected} clients, ${clients.blocked ?? '?'} in a blocking command`
      : null,
  ].filter((part) => part !== null);
  return parts.length > 0 ? `${parts.join(', ')}.` : 'Its load was not seen.';
}

function commandTable({ change }: RedisReport): MessageBlock[] {
  const busy = change?.commands.filter(({ busyRatio }) => busyRatio >= NOTEWORTHY_BUSY) ?? [];
  return table(
    'Commands by their share of the time',
    ['command', 'calls/s', 'average', 'share of the time'],
    busy
      .slice(0, MAX_COMMANDS)
      .map((one) => [
        one.command,
        { value: one.callsPerSecond, text: decimal(one.callsPerSecond) },
        { value: one.averageMicros, text: fine(one.averageMicros / 1_000) },
        { value: one.busyRatio, text: percent(one.busyRatio) },
      ]),
    Math.max(0, busy.length - MAX_COMMANDS) + (change?.commandsLeftOut ?? 0),
  );
}

/** Only what is not as it should be; nothing at all is a good report. */
function troubles(report: RedisReport): MessageBlock[] {
  const { server, persistence, change, slowlog, clientGroups, ping } = report;
  const errors = Object.entries(change?.errors ?? {}).map(([name, count]) => `${name} ${count}`);
  const slow = slowlog?.recent.map(
    ({ command, count, maxMs }) => `${command} ${count}× (${milliseconds(maxMs)})`,
  );
  const facts = [
    server?.loading ? 'It is loading its data set and serves nobody.' : null,
    server?.masterLinkStatus === 'down' ? 'It is a replica that has lost its master.' : null,
    change?.evictedKeys ? `${change.evictedKeys} keys were evicted in the window.` : null,
    change?.rejectedConnections
      ? `${change.rejectedConnections} connections were rejected (maxclients).`
      : null,
    errors.length > 0 ? `Errors in the window: ${errors.join(', ')}.` : null,
    slow && slow.length > 0 ? `Slow commands of the last 10 minutes: ${slow.slice(0, 4).join(', ')}.` : null,
    change?.forks
      ? `It forked in the window; the last fork took ${milliseconds(persistence?.latestForkMs)}.`
      : null,
    change?.aofDelayedFsyncs ? `${change.aofDelayedFsyncs} writes waited for the disk (AOF).` : null,
    persistence?.lastSaveStatus === 'err' ? 'The last snapshot failed: Redis may refuse writes.' : null,
    clientGroups && clientGroups.maxOutputBytes > 1_048_576
      ? `A client leaves ${bytes(clientGroups.maxOutputBytes)} of answers unread.`
      : null,
    ping.ownDelayMs > 50
      ? `The bot itself was held up for ${milliseconds(ping.ownDelayMs)}; that is subtracted.`
      : null,
  ].filter((fact) => fact !== null);
  return facts.length > 0 ? [bullets(facts.slice(0, MAX_FACTS), 'Besides', 200)] : [];
}

/** Redis counts in fractions of a millisecond. */
function fine(ms: number | null): string {
  return ms !== null && ms < 10 ? `${Number(ms.toFixed(2))} ms` : milliseconds(ms);
}
