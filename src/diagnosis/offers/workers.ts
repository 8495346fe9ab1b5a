import { ceilingOf, lacksOf, type WorkerRoom } from '../../mitigations/worker-room.ts';
import { addProposal, hostTitleOf, WorkersTarget } from '../../mitigations/workers.ts';
import type { GunicornWorkersReport } from '../../probes/gunicorn-workers.ts';
import { MAX_WORKERS_AT_ONCE } from '../../targets/gunicorn-signal.ts';
import type { Case } from '../cause-rule.ts';
import type { Ledger, Place } from '../diagnosis.ts';
import type { Facts } from '../facts.ts';
import { inFlightAt } from '../ledger.ts';
import type { Offer } from '../proposals.ts';
import { percent } from '../words.ts';

/** Where more workers would stand in the same line, each with a connection of its own. */
const BOTTLENECKS: readonly Place[] = ['lock-wait', 'db-io', 'db-cpu', 'pool-wait', 'redis'];

/**
 * Offers more workers, a quarter of those there are: so that the same offer comes of every run until their number
 * changes. Withheld where they would not help, or where there is no room for them.
 */
export function offerMoreWorkers(the: Case): Offer {
  const report = the.facts.reports['gunicorn-workers'];
  if (!report) return { withheld: 'Do not add workers now: those that there are could not be seen.' };
  const reason = bottleneck(the) ?? unsteady(report, the.facts);
  if (reason !== null) return { withheld: `Do not add workers now: ${reason}.` };
  const room = roomOf(report, the.facts);
  const lacks = lacksOf(room, the.facts.service);
  if (lacks.length > 0) return { withheld: `Do not add workers now: ${lacks.join(', ')}.` };
  const target = WorkersTarget.safeParse({
    ...{ pid: report.master.pid, startTicks: report.master.startTicks, workers: report.workerCount },
    ...{ command: report.control?.command, host: hostTitleOf(the.facts.service) },
    by: room.after - room.workers,
  });
  return target.success
    ? { proposal: addProposal(target.data, room) }
    : { withheld: 'No button for more workers: what was seen of the master does not name it for sure.' };
}

/** The database, its pool or Redis by the ledger; workers that wait for one of them would only be joined by more. */
function bottleneck({ ledger, facts }: Case): string | null {
  const blind = ledger.blind.find(({ place }) => BOTTLENECKS.includes(place) && isThere(place, facts));
  if (blind) return `whether the database is the bottleneck could not be seen (${blind.reason})`;
  const part = partOf(ledger, BOTTLENECKS);
  if (part < 1 - facts.service.thresholds.outsideShare) return null;
  return `${percent(part)} of what the workers hold is in the database, its pool or Redis, where more of them would only bring more`;
}

/** What is not configured is taken as not there, as in the ledger. */
function isThere(place: Place, facts: Facts): boolean {
  const probe = place === 'pool-wait' ? 'pgbouncer' : place === 'redis' ? 'redis' : null;
  return probe === null || facts.missing(probe).status === 'failed';
}

function partOf(ledger: Ledger, places: readonly Place[]): number {
  const held = ledger.totalInFlight - inFlightAt(ledger, 'worker-queue');
  return held > 0 ? inFlightAt(ledger, ...places) / held : 0;
}

function unsteady(report: GunicornWorkersReport, { service }: Facts): string | null {
  const { control, restarted, startedInWindow } = report;
  if (restarted) return 'Gunicorn was restarted while it was looked at';
  if (startedInWindow > 0) return 'workers die or are just being started';
  if (!control) return 'the script on its host cannot act yet, install deploy/latency-bot-host anew';
  if (control.acts === 'denied') return 'the master belongs to another user, who alone may signal it';
  if (control.acts === 'off' && service.targets.host?.actions)
    return 'its host is for looking only (ACTIONS in /etc/latency-bot-host.conf)';
  return null;
}

function roomOf({ workerCount, headroom, threads }: GunicornWorkersReport, facts: Facts): WorkerRoom {
  const pool = facts.reports['connection-pool'];
  const ceiling = headroom && ceilingOf(facts.service, headroom.cores);
  const wished = Math.min(MAX_WORKERS_AT_ONCE, Math.max(1, Math.ceil(workerCount / 4)));
  // Above the ceiling it stays one, so that the ceiling is what is named.
  const by = ceiling === null ? wished : Math.max(1, Math.min(wished, ceiling - workerCount));
  return {
    workers: workerCount,
    after: workerCount + by,
    ceiling,
    machine: headroom && {
      ...{ cores: headroom.cores, idleRatio: headroom.idleRatio },
      ...{ availableBytes: headroom.availableBytes, workerBytes: headroom.workerRssBytes },
    },
    connections: pool
      ? {
          ...{ used: pool.used, usable: pool.usable, lockWaiters: pool.lockWaiters },
          needed: by * Math.max(1, threads ?? 1),
        }
      : null,
  };
}
