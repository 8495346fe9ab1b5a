import type { HostFacts } from '../../probes/host.ts';
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
import {
  type Burners,
  burnersOf,
  burnerWords,
  type CpuState,
  cpuStateOf,
  hostName,
  hostOf,
  unseenHost,
} from '../hosts.ts';
import { inFlightAt } from '../ledger.ts';
import { decimal, percent } from '../words.ts';

const MAX_STATEMENTS = 3;

/** The CPU of the database's machine is used up: every statement takes longer than it needs. */
export const cpuSaturationDb: CauseRule = {
  id: 'cpu-saturation-db',
  title: 'CPU of the database used up',
  explanation: {
    what: 'The cores of the machine of PostgreSQL are used up. Statements that need a millisecond stand in line for the CPU, all of them, not only the expensive ones.',
    signs:
      'At least cpuRatio of the cores is busy, PostgreSQL takes the greatest part, and at least as many of its sessions are on the CPU as that part of the cores. Ruled out when there is CPU left, or when somebody else on the machine takes it. Mostly the consequence of one statement: a missing index, a changed plan, a report.',
    act: [
      'Look at the statement with the most time first; the saturation is what it does.',
      'Cancel reports that can run later.',
    ],
    avoid: [
      'More Gunicorn workers, or a larger pool: more sessions share the same cores.',
      'CREATE INDEX now, unless it is for the statement that burns the CPU: building it takes CPU too.',
    ],
    prevent: [
      'pg_stat_statements and an alert on statements with a mean above 100 ms.',
      'Index review of new migrations before each release.',
      'A read replica for heavy analytics queries.',
    ],
  },
  needs: ['host', 'active-queries'],
  explainedBy: [
    ...['missing-index', 'plan-regression', 'n-plus-one', 'connection-churn', 'traffic-spike'],
    ...[
      'sort-spill',
      'long-running-query',
      'stale-stats-bloat',
      'celery-contention',
      'cpu-steal',
      'cpu-saturation-api',
    ],
  ],

  judge(the) {
    const host = hostOf(the.facts, 'database');
    if (!host) return couldNotLook(unseenHost(the.facts, 'database'));
    const cpu = cpuStateOf(the.facts, { ...host, cgroup: null });
    if (!cpu) return couldNotLook(`how busy the CPU of ${hostName(host)} is could not be seen`);
    const seen = [{ text: `${hostName(host)}: ${cpu.words}`, data: cpu.data }];
    if (!cpu.saturated) return ruledOut(`${cpu.words} on ${hostName(host)}`, seen);
    const burners = burnersOf(the.facts, host);
    const [foreign] = burners.foreign;
    // On a machine of its own a foreign process takes the CPU from PostgreSQL; on a shared one that is the API's trouble.
    const greatest = Math.max(burners.api, foreign?.cores ?? 0);
    if (host.role === 'api+database' && greatest >= burners.postgres) {
      return ruledOut(
        `${cpu.words}, but PostgreSQL does not take most of it (${burnerWords(burners)})`,
        seen,
      );
    }
    const { onCpu, needed } = sessionsOnCpu(the, host, cpu);
    if (onCpu < needed && burners.postgres >= greatest) {
      return ruledOut(`${cpu.words}, but only ${decimal(onCpu)} sessions of PostgreSQL are on the CPU`, seen);
    }
    return nobodySuffers(the)
      ? ruledOut(`${cpu.words} on ${hostName(host)}, but the API does not suffer`, seen)
      : found(the, host, cpu, burners);
  },
};

function sessionsOnCpu({ facts }: Case, host: HostFacts, cpu: CpuState): { onCpu: number; needed: number } {
  const rows = facts.reports['active-queries']?.activity ?? [];
  const onCpu = rows
    .filter(({ waitType }) => waitType === 'CPU')
    .reduce((sum, row) => sum + row.averageActive, 0);
  // On a shared machine PostgreSQL need not fill all cores; there it was shown to take the greatest part.
  const needed = host.role === 'database' ? facts.service.thresholds.cpuRatio * cpu.cores : 1;
  return { onCpu, needed };
}

function found(the: Case, host: HostFacts, cpu: CpuState, burners: Burners): Verdict {
  const { causeShare, cpuPressurePercent, cpuRatio } = the.facts.service.thresholds;
  const share = shareOf(inFlightAt(the.ledger, 'db-cpu'), the.ledger);
  const text = `${hostName(host)}: ${cpu.words}`;
  if (share !== null && share < causeShare) {
    const there = `only ${percent(share)} of the request time is spent at the CPU of PostgreSQL`;
    return ruledOut(`${cpu.words}, but ${there}`, [{ text, data: { ...cpu.data, share } }]);
  }
  const [foreign] = burners.foreign;
  const hog = foreign && foreign.cores > burners.postgres ? foreign : undefined;
  const { onCpu } = sessionsOnCpu(the, host, cpu);
  const pressed = cpu.pressure !== null && cpu.pressure * 100 >= cpuPressurePercent;
  const who = hog
    ? `A process named ${hog.name} takes ${decimal(hog.cores)} of ${host.cores} cores from PostgreSQL`
    : 'PostgreSQL has used up its CPU';
  return {
    status: 'found',
    share,
    confidence: confidence(pressed || onCpu >= cpuRatio * cpu.cores),
    summary: `${who}: ${cpu.words} on ${hostName(host)}${share === null ? '' : `, ${percent(share)} of request time`}.`,
    evidence: [
      { text, data: cpu.data },
      {
        text: `on average ${decimal(onCpu)} sessions were on the CPU, or in line for it`,
        data: { onCpu, cores: cpu.cores },
      },
      {
        text: `it goes to: ${burnerWords(burners)}`,
        data: { ...burners, foreign: burners.foreign.slice(0, 5) },
      },
      ...statementEvidence(the),
    ],
    against: [],
    mitigations: [],
    advice: hog
      ? [`Move ${hog.name} off the machine of PostgreSQL, or give it less: renice -n 19 -p <pid>.`]
      : ADVICE,
    independent: hog !== undefined && hog.cores > burners.api + burners.postgres,
  };
}

/** Who is likely to burn it: the statements with the most time in the window. */
function statementEvidence({ facts }: Case): Evidence[] {
  const statements = facts.reports['top-statements']?.statements ?? [];
  return statements.slice(0, MAX_STATEMENTS).map(({ query, share, callsPerSecond, meanMs, role }) => ({
    text: `${percent(share)} of the execution time: ${query.text} (${decimal(callsPerSecond)} calls a second, ${decimal(meanMs)} ms each, role ${role})`,
    data: { fingerprint: query.fingerprint, share, callsPerSecond, meanMs, role },
  }));
}

const ADVICE = [
  'The statement at the top of "Statements by time" is where the CPU goes: give it its index or its plan, or stop calling it.',
  'A statement_timeout for the role keeps single statements from holding a core for long.',
];
