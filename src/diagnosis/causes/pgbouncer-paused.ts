import type { PgbouncerReport } from '../../probes/pgbouncer.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
} from '../cause-rule.ts';
import { inFlightAt, withQueue } from '../ledger.ts';
import { count, duration, percent } from '../words.ts';

type Database = PgbouncerReport['databases'][number];

/** Somebody said PAUSE or DISABLE to PgBouncer, and nobody said RESUME or ENABLE. */
export const pgbouncerPaused: CauseRule = {
  id: 'pgbouncer-paused',
  title: 'PgBouncer is paused',
  explanation: {
    what: 'PgBouncer holds back every query of a paused database until RESUME, and refuses clients of a disabled one until ENABLE. Somebody, or an interrupted maintenance script, left it like that.',
    signs:
      'SHOW DATABASES says paused or disabled for a database that the API uses. Ruled out when it says neither.',
    act: [
      'Ask whether a maintenance is under way.',
      'RESUME or ENABLE the database on the console of PgBouncer.',
    ],
    avoid: [
      'Restarting the API: it waits again.',
      'KILL on the console: it drops every connection, and waits for RESUME as well.',
    ],
    prevent: [
      'Scripts that PAUSE say RESUME in a trap, whatever happens.',
      'An alert on pgbouncer_databases_paused and on waiting clients.',
    ],
  },
  needs: ['pgbouncer'],
  explainedBy: [],
  hardStop: true,

  judge(the) {
    const report = the.facts.reports.pgbouncer;
    if (!report) return couldNotLook('PgBouncer was not looked at');
    const stopped = report.databases.filter(({ paused, disabled }) => paused || disabled);
    const used = stopped.filter((database) => isUsed(the, report, database));
    const [first] = used;
    const waiting = waitingFor(the, report, used);
    if (!first) return notStopped(report, stopped);
    const evidence = used.map(({ name, paused, disabled }) => ({
      text: `SHOW DATABASES: ${name} is ${wordOf({ paused, disabled })}`,
      data: { name, paused, disabled },
    }));
    if (waiting.clients === 0 && nobodySuffers(the)) {
      return ruledOut(`${first.name} is ${wordOf(first)}, but nobody waits for it`, evidence);
    }
    const share = shareOf(withQueue(inFlightAt(the.ledger, 'pool-wait'), the.ledger), the.ledger);
    const waits =
      waiting.clients > 0
        ? `; ${count(waiting.clients, 'client waits', 'clients wait')}, the longest for ${duration(waiting.longestMs)}`
        : '';
    const explains = share !== null && share > 0 ? `, ${percent(share)} of request time` : '';
    return {
      status: 'found',
      share,
      confidence: confidence(waiting.clients > 0 || apiComplains(the)),
      summary: `PgBouncer serves nobody on ${first.name}, which is ${wordOf(first)}${waits}${explains}.`,
      evidence: [
        ...evidence,
        {
          text: `${count(waiting.clients, 'client waits', 'clients wait')} for a server connection`,
          data: waiting,
        },
      ],
      against: [],
      mitigations: [],
      advice: [
        ...used.map(
          ({ name, paused }) =>
            `On the console of PgBouncer: ${paused ? 'RESUME' : 'ENABLE'} ${quoted(name)};`,
        ),
        'A maintenance or a failover may be under way: ask before.',
      ],
    };
  },
};

const wordOf = ({ paused, disabled }: Pick<Database, 'paused' | 'disabled'>): string =>
  paused && disabled ? 'paused and disabled' : paused ? 'paused' : 'disabled';

/** A name as the console reads it. */
const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

/** Whether the API goes through it: one of its pools is there, or it has the name of the service's database. */
function isUsed({ facts }: Case, report: PgbouncerReport, { name }: Database): boolean {
  const url = facts.service.targets.postgres?.url;
  if (!url) return true;
  if (report.pools.some(({ database, user }) => database === name && facts.isApplication(user))) return true;
  return decodeURIComponent(new URL(url).pathname.slice(1)) === name;
}

function waitingFor({ facts }: Case, report: PgbouncerReport, stopped: readonly Database[]) {
  const names = new Set(stopped.map(({ name }) => name));
  const pools = report.pools.filter(({ database, user }) => names.has(database) && facts.isApplication(user));
  return {
    clients: pools.reduce((sum, { clientsWaiting }) => sum + clientsWaiting, 0),
    longestMs: Math.max(0, ...pools.map(({ longestWaitMs }) => longestWaitMs)),
  };
}

function notStopped(report: PgbouncerReport, stopped: readonly Database[]) {
  const total = report.databases.length + report.databasesLeftOut;
  const [other] = stopped;
  const text = other
    ? `${other.name} is ${wordOf(other)}, but the API does not use it`
    : `none of ${count(total, 'database', 'databases')} of PgBouncer is paused or disabled`;
  return ruledOut(text, [{ text, data: { databases: total, stopped: stopped.length } }]);
}
