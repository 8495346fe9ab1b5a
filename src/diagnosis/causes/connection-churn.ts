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
import { burnersOf, cpuStateOf, hostOf, unseenHost } from '../hosts.ts';
import { decimal } from '../words.ts';

/** Statements with which Django begins a connection: as many as requests when each opens its own. */
const GREETING = /^set\s+(session\s+)?(time\s?zone|timezone)|set_config\s*\(\s*['$?]/i;

/** Every request opens a database connection of its own, and PostgreSQL is busy with starting sessions. */
export const connectionChurn: CauseRule = {
  id: 'connection-churn',
  title: 'A connection for every request',
  explanation: {
    what: 'Each request opens a connection to PostgreSQL and closes it again. Every time PostgreSQL starts a process, checks the password and reads its catalogs: milliseconds of CPU that no statement shows.',
    signs:
      "PostgreSQL starts at least churnRatio sessions a request, its machine's CPU is used up, and PostgreSQL uses more of it for other things than for statements. Ruled out when connections persist, or when their cost does not show.",
    act: ['PgBouncer between Django and PostgreSQL, or CONN_MAX_AGE above 0 where the slots suffice.'],
    avoid: ['Raising max_connections: they are opened as often as before.'],
    prevent: [
      'PgBouncer in transaction mode, with CONN_MAX_AGE = 0 in Django.',
      'An alert on new sessions a second (pg_stat_database.sessions).',
    ],
  },
  needs: ['postgres-server', 'api-latency'],
  explainedBy: ['traffic-spike'],

  judge(the) {
    const { facts } = the;
    const server = facts.reports['postgres-server'];
    const overall = facts.reports['api-latency']?.overall;
    const sessions = server?.activity.database.sessions ?? null;
    if (!server || sessions === null) {
      return couldNotLook(
        'PostgreSQL does not count new sessions (before version 14, or reset in the window)',
      );
    }
    if (!overall || overall.completed === 0) return couldNotLook('no request completed to compare with');
    const perSecond = sessions / (server.activity.windowMs / 1_000);
    const ratio = overall.rps > 0 ? perSecond / overall.rps : 0;
    const words = `${decimal(perSecond)} new sessions a second for ${decimal(overall.rps)} requests a second`;
    const evidence = [{ text: words, data: { sessions, perSecond, rps: overall.rps, ratio } }];
    if (ratio < facts.service.thresholds.churnRatio)
      return ruledOut(`connections persist: ${words}`, evidence);
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    return costOf(the, words, evidence);
  },
};

/** The share is not known: Django waits for a new session outside of any statement. */
function costOf(the: Case, words: string, evidence: Evidence[]): Verdict {
  const { facts } = the;
  const host = hostOf(facts, 'database');
  const cpu = host && cpuStateOf(facts, host);
  const active = facts.reports['active-queries'];
  if (!host || !cpu)
    return couldNotLook(`${words}; what that costs could not be seen: ${unseenHost(facts, 'database')}`);
  if (!active) return couldNotLook(`${words}; what PostgreSQL does besides could not be seen`);
  const { postgres, api, foreign } = burnersOf(facts, host);
  const statements = active.activity
    .filter(({ waitType }) => waitType === 'CPU')
    .reduce((sum, row) => sum + row.averageActive, 0);
  const besides = postgres - statements;
  const others = Math.max(api, ...foreign.map(({ cores }) => cores), 0);
  const cost = {
    text: `PostgreSQL uses ${decimal(postgres)} cores, of which statements have ${decimal(Math.min(postgres, statements))}; ${cpu.words}`,
    data: { ...cpu.data, postgresCores: postgres, statementCores: statements },
  };
  if (!cpu.saturated || besides <= statements || postgres <= others) {
    return ruledOut(`${words}, but what they cost does not show: ${cost.text}`, [...evidence, cost]);
  }
  const greetings = greetingsPerSecond(the);
  return {
    status: 'found',
    share: null,
    confidence: confidence(greetings.length > 0),
    summary: `Every request opens its own connection: ${words}, and PostgreSQL uses ${decimal(besides)} cores for starting them.`,
    evidence: [...evidence, cost, ...greetings],
    against: [],
    mitigations: [],
    advice: [
      'PgBouncer with pool_mode = transaction, and in Django CONN_MAX_AGE = 0 and DISABLE_SERVER_SIDE_CURSORS = True.',
      'Without PgBouncer: CONN_MAX_AGE = 60 and CONN_HEALTH_CHECKS = True, when workers × hosts connections fit in max_connections.',
    ],
  };
}

function greetingsPerSecond({ facts }: Case): Evidence[] {
  const rps = facts.reports['api-latency']?.overall.rps ?? 0;
  const greetings = (facts.reports['top-statements']?.statements ?? []).filter(
    ({ query, isApplication }) => isApplication && GREETING.test(query.text),
  );
  const perSecond = greetings.reduce((sum, one) => Math.max(sum, one.callsPerSecond), 0);
  return rps > 0 && perSecond / rps >= facts.service.thresholds.churnRatio
    ? [{ text: `what begins a connection ran ${decimal(perSecond)} times a second`, data: { perSecond } }]
    : [];
}
