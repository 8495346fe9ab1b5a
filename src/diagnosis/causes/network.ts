import {
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { cpuStateOf, hostName, hostOf } from '../hosts.ts';
import { milliseconds, slowCommandOf } from '../redis-stalls.ts';
import { count, percent } from '../words.ts';

/** Every answer takes long although the servers are quick: the way between them is slow. */
export const network: CauseRule = {
  id: 'network',
  title: 'Network slow',
  explanation: {
    what: 'Packets take long or are lost between the application, PostgreSQL and Redis. Each statement and each command pays for it, so a view with many of them is hit the hardest.',
    signs:
      'A round trip to PostgreSQL and one to Redis both take networkRttMs or longer, while neither server is busy. Ruled out when one of them is quick. Measured from the bot: it says most where the bot stands beside the API.',
    act: [
      'Ask the network team; name both ends, and since when.',
      'Look for lost packets: ip -s link, and retransmits in nstat.',
    ],
    avoid: ['Tuning statements: the servers are quick.'],
    prevent: ['API, PostgreSQL and Redis in one zone, and an alert on the round trip between them.'],
  },
  needs: ['postgres-server', 'redis'],
  explainedBy: [
    'cpu-saturation-api',
    'cpu-saturation-db',
    'cpu-steal',
    'memory-swap-oom',
    'redis-slow-command',
  ],

  judge(the) {
    const server = the.facts.reports['postgres-server'];
    const redis = the.facts.reports.redis;
    const pingMs = redis?.ping.p50Ms ?? null;
    if (!server || !redis || pingMs === null) return couldNotLook('the round trips were not measured');
    const { networkRttMs } = the.facts.service.thresholds;
    const rttMs = server.roundTrip.p50Ms;
    const words = `a round trip takes ${milliseconds(rttMs)} to PostgreSQL and ${milliseconds(pingMs)} to Redis`;
    const evidence: Evidence[] = [{ text: words, data: { postgres: server.roundTrip, redis: redis.ping } }];
    if (rttMs < networkRttMs || pingMs < networkRttMs) return ruledOut(words, evidence);
    const busy = busyServer(the);
    if (busy) return ruledOut(`${words}, but ${busy}`, evidence);
    if (!redis.change) return couldNotLook(`${words}, but whether Redis itself is busy could not be seen`);
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const losses = lossesOf(the);
    return {
      status: 'found',
      share: null,
      confidence: confidence(losses.length > 0),
      summary: `The network is slow: ${words}, though both servers are idle enough.`,
      evidence: [...evidence, ...losses],
      against: [{ text: 'it was measured from the bot; the way of the API may be another one', data: {} }],
      mitigations: [],
      advice: [
        'From a machine of the API: ping -c 20 <host of PostgreSQL>, and mtr -rwc 20 <host of PostgreSQL>.',
        'Until it is mended, fewer round trips help: select_related, prefetch_related, MGET and pipelines.',
      ],
    };
  },
};

/** What inside a server would make its answers late. */
function busyServer(the: Case): string | null {
  const { redis } = the.facts.reports;
  const slow = redis && slowCommandOf(the, redis);
  if (slow) return `Redis is held by ${slow.command.toUpperCase()}`;
  const redisBusy = redis?.change?.busyRatio ?? 0;
  if (redisBusy >= the.facts.service.thresholds.cpuRatio)
    return `Redis is busy ${percent(redisBusy)} of the time`;
  for (const of of ['database', 'api'] as const) {
    const host = hostOf(the.facts, of);
    const cpu = host && cpuStateOf(the.facts, host);
    if (host && cpu?.saturated) return `${cpu.words} on ${hostName(host)}`;
  }
  return null;
}

/** What the kernel counts as lost on the way. */
function lossesOf({ facts }: Case): Evidence[] {
  const { thresholds } = facts.service;
  return (facts.reports.host?.hosts ?? []).flatMap((host) => {
    const { errors, retransmitRatio } = host.network;
    const parts = [
      ...(errors > 0 ? [`${count(errors, 'packet', 'packets')} with errors`] : []),
      ...((retransmitRatio ?? 0) >= thresholds.retransmitRatio
        ? [`${percent(retransmitRatio ?? 0)} of the segments sent again`]
        : []),
    ];
    return parts.length > 0
      ? [{ text: `${hostName(host)}: ${parts.join(', ')}`, data: { ...host.network } }]
      : [];
  });
}
