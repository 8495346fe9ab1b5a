import type { NamedService } from '../config/schema.ts';
import { newestReports } from '../store/history.ts';
import { runningRunOf } from '../store/runs.ts';
import type { IncidentDeps } from './deps.ts';
import type { Looks } from './looks.ts';
import { type ProbeReport, probeReport } from './probe-report.ts';
import { toOutcome } from './run.ts';

/** A statement that the newest reports of a service name. */
export interface KnownStatement {
  fingerprint: string;
  text: string;
  /** Whether the text is one that PostgreSQL can plan again: nothing of it was masked or cut. */
  isWhole: boolean;
}

export type ExplainedOne =
  /** The newest stored plans have it. */
  | { outcome: 'stored'; report: ProbeReport; run: { id: number; startedAt: Date | null } }
  /** It is being planned now. */
  | { outcome: 'looking'; report: Promise<ProbeReport> }
  /** More than one statement begins like this. */
  | { outcome: 'ambiguous'; statements: KnownStatement[] }
  /** Something of the service is being looked at; one look at a time. */
  | { outcome: 'busy' };

/** The statements that can be named, those of the newest plans first, then by their share of the time. */
export async function knownStatements(deps: IncidentDeps, serviceId: string): Promise<KnownStatement[]> {
  const stored = await storedReports(deps, serviceId);
  const found = stored.flatMap(({ report }) => statementsOf(report));
  return found.filter((one, i) => found.findIndex((other) => other.fingerprint === one.fingerprint) === i);
}

/** The plan of one statement: from the newest report that has it, or looked at now. */
export async function explainOne(
  deps: IncidentDeps,
  looks: Looks,
  service: NamedService,
  wanted: string,
): Promise<ExplainedOne> {
  const known = await knownStatements(deps, service.id);
  const meant = known.filter(({ fingerprint }) => fingerprint.startsWith(wanted));
  const exact = meant.find(({ fingerprint }) => fingerprint === wanted) ?? meant[0];
  if (meant.length > 1 && exact?.fingerprint !== wanted) return { outcome: 'ambiguous', statements: meant };
  const fingerprint = exact?.fingerprint ?? wanted;
  for (const { runId, startedAt, report } of await storedReports(deps, service.id)) {
    const only = report.probe.id === 'explain' ? onlyStatement(report, fingerprint) : null;
    if (only) return { outcome: 'stored', report: only, run: { id: runId, startedAt } };
  }
  if (await runningRunOf(deps.db, service.id)) return { outcome: 'busy' };
  const asked = exact?.isWhole ? withSuspect(service, fingerprint, exact.text) : service;
  const looking = looks.look(asked, 'explain', fingerprint);
  if (!looking) return { outcome: 'busy' };
  return {
    outcome: 'looking',
    report: looking.then((report) => onlyStatement(report, fingerprint) ?? unseen(report)),
  };
}

async function storedReports(deps: IncidentDeps, serviceId: string) {
  const rows = await newestReports(deps.db, serviceId, ['explain', 'top-statements']);
  return rows.map((row) => ({
    runId: row.runId,
    startedAt: row.startedAt,
    report: probeReport(toOutcome(row)),
  }));
}

function statementsOf({ answer }: ProbeReport): KnownStatement[] {
  if (answer.status !== 'answered') return [];
  const { probeId, report } = answer.report;
  if (probeId !== 'explain' && probeId !== 'top-statements') return [];
  return report.statements.flatMap(({ query }) =>
    query.fingerprint === null
      ? []
      : [{ fingerprint: query.fingerprint, text: query.text, isWhole: query.how === 'parsed' }],
  );
}

/** The report with nothing but this statement; null when it does not have it. */
function onlyStatement(whole: ProbeReport, fingerprint: string): ProbeReport | null {
  const { answer } = whole;
  if (answer.status !== 'answered' || answer.report.probeId !== 'explain') return null;
  const { report } = answer.report;
  const statements = report.statements.filter(
    ({ query, name }) => query.fingerprint === fingerprint || name === fingerprint,
  );
  if (statements.length === 0) return null;
  const only = { probeId: 'explain' as const, report: { ...report, statements, leftOut: 0 } };
  return { ...whole, answer: { status: 'answered', report: only } };
}

/** Why a look brought no plan of it: the probe could not look, or the statement was not there. */
function unseen(report: ProbeReport): ProbeReport {
  if (report.answer.status !== 'answered') return report;
  const reason =
    'no statement with this fingerprint ran for a second or more, or was among those that took the most time';
  return { ...report, answer: { status: 'failed', reason } };
}

/** The configured suspects give way: there is room for few plans, and this is the one that was asked for. */
function withSuspect(service: NamedService, name: string, text: string): NamedService {
  const { postgres } = service.targets;
  if (!postgres) return service;
  return {
    ...service,
    targets: { ...service.targets, postgres: { ...postgres, suspects: { [name]: text } } },
  };
}
