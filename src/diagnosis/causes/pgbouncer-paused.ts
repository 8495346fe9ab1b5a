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
import { offerResume } from '../offers/pgbouncer.ts';
import { proposalsOf } from '../proposals.ts';
import { count, duration, percent } from '../words.ts';

type Database = PgbouncerReport['databases'][number];

/** Somebody said PAUSE or DISABLE to PgBouncer, and nobody said RESUME or ENABLE. */
export const pgbouncerPaused: CauseRule = {
  id: 'pgbouncer-paused',
  title: 'PgBouncer is paused',
  explanation: {
    what: 'PgBouncer holds back every query of a paused database until RESUME, and refuses clients of a disabled one until ENABLE. Somebody, or an interrupted maintenance script, left it like that.',
    signs:
      'SHOW DATABASES says paused or disabled for a database that the API uses, or SHOW STATE (PgBouncer 1.19) says paused. Older versions do not show a PAUSE of everything: then clients wait throughout the window, PgBouncer opens no server for them, and PostgreSQL answers and has room.',
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
    if (!first) return allPaused(the, report) ?? notStopped(report, stopped);
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
    const offers = used.filter(({ paused }) => paused).map((one) => offerResume(report, one, the.facts));
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
      mitigations: proposalsOf(offers),
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

/** PAUSE without a name stands in no row of SHOW DATABASES. */
function allPaused(the: Case, report: PgbouncerReport): ReturnType<CauseRule['judge']> | null {
  const held = report.pools.filter(({ heldBack, user }) => heldBack && the.facts.isApplication(user));
  const said = report.everyDatabasePaused === true;
  // A PostgreSQL that is full or gone looks the same to PgBouncer between two attempts to log in.
  const room = the.facts.reports['connection-pool'];
  const looksPaused = report.everyDatabasePaused === null && held.length > 0 && (room?.usedRatio ?? 1) < 1;
  if (!said && !looksPaused) return null;
  const clients = held.reduce((sum, { averageWaiting }) => sum + averageWaiting, 0);
  if (said && clients === 0 && nobodySuffers(the)) {
    const text = 'SHOW STATE says paused, but nobody waits for it';
    return ruledOut(text, [{ text, data: { paused: true } }]);
  }
  const waiting = `${count(Math.round(clients), 'client waits', 'clients wait')} throughout the window, and PgBouncer opens no server for them`;
  const data = { clients, version: report.version };
  return {
    status: 'found',
    share: shareOf(withQueue(inFlightAt(the.ledger, 'pool-wait'), the.ledger), the.ledger),
    confidence: confidence(said),
    summary: `PgBouncer serves nobody${said ? ': it is paused' : ' and looks paused'}; ${waiting}.`,
    evidence: [
      ...(said ? [{ text: 'SHOW STATE: paused', data: { paused: true } }] : []),
      ...(clients > 0 ? [{ text: waiting, data }] : []),
    ],
    against: said
      ? []
      : [
          {
            text: `PgBouncer ${report.version ?? 'of this version'} does not show whether everything was paused`,
            data,
          },
        ],
    mitigations: [],
    advice: [
      'On the console of PgBouncer: RESUME; (it answers "not paused" where it is not)',
      'A maintenance or a failover may be under way: ask before.',
    ],
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
