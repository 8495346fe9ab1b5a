import type { NPlusOneFinding, NPlusOneReport } from '../../probes/n-plus-one.ts';
import {
  apiComplains,
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
import { inFlightAt, withQueue } from '../ledger.ts';
import { count, decimal, duration, percent } from '../words.ts';

const MAX_LISTED = 4;

/** A view asks the database once for every row of a list. */
export const nPlusOne: CauseRule = {
  id: 'n-plus-one',
  title: 'N+1 queries',
  explanation: {
    what: 'A view lists rows and then asks the database again for each of them, mostly since a queryset lost its select_related() or prefetch_related(). Each lookup is quick, but a request sends hundreds; the time goes into round trips and into the ORM, while the database looks idle.',
    signs:
      'One lookup by key is sent at least callsPerRequest times per request, and its calls are the rows of a list. Ruled out when no lookup is sent so often, when it is as often on healthy days, or when the API does not suffer.',
    act: [
      'Roll the last deploy back when it brought this, or turn its feature off.',
      'Otherwise mend the queryset: the advice names it.',
      'A shorter page relieves at once.',
    ],
    avoid: [
      'More workers: the CPU of the API is what is short.',
      'An index: the lookups have one.',
      'Killing sessions: no statement runs for long.',
      'prefetch_related() of whole histories: fetch what the serializer shows.',
    ],
    prevent: [
      'N+1 detection in staging (nplusone, django-query-inspector), and assertNumQueries() in the tests of list views.',
      'A limit on page_size.',
      'Load tests with realistic data volumes.',
    ],
  },
  needs: ['n-plus-one'],
  explainedBy: ['missing-index', 'stale-stats-bloat'],

  judge(the) {
    const report = the.facts.reports['n-plus-one'];
    if (!report) return couldNotLook('the lookups were not looked at');
    const unusual = report.findings.filter((finding) => !isUsual(the, finding));
    if (unusual.length === 0) return notRepeated(report);
    const evidence = [
      ...unusual.slice(0, MAX_LISTED).map(evidenceOf),
      ...perRequest(report),
      ...reported(the),
    ];
    const words = `${unusual[0]?.table} is looked up ${decimal(unusual[0]?.callsPerRequest ?? 0)} times per request`;
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const share = shareOf(withQueue(held(the, unusual), the.ledger), the.ledger);
    if (share !== null && share < the.facts.service.thresholds.causeShare) {
      return ruledOut(`${words}, but that is only ${percent(share)} of the request time`, evidence);
    }
    return found(the, report, unusual, share, evidence);
  },
};

/** A lookup that every healthy day has as often is how this API is, and not what has changed. */
function isUsual({ facts }: Case, { callsPerAnyRequest, normalCallsPerRequest }: NPlusOneFinding): boolean {
  if (normalCallsPerRequest === null || callsPerAnyRequest === null) return false;
  return callsPerAnyRequest < facts.service.thresholds.trafficFactor * normalCallsPerRequest;
}

/** Requests that are busy with lookups: in the database by their time, everywhere else by their number. */
function held({ ledger }: Case, findings: readonly NPlusOneFinding[]): number {
  const calls = Math.min(
    1,
    findings.reduce((sum, { callShare }) => sum + callShare, 0),
  );
  const time = Math.min(
    1,
    findings.reduce((sum, { timeShare }) => sum + timeShare, 0),
  );
  const between = inFlightAt(ledger, 'app-cpu', 'outside', 'unknown');
  return calls * between + time * inFlightAt(ledger, 'db-cpu', 'db-io');
}

function found(
  the: Case,
  report: NPlusOneReport,
  findings: readonly NPlusOneFinding[],
  share: number | null,
  evidence: Evidence[],
): Verdict {
  const { lookupMs } = the.facts.service.thresholds;
  const slow = findings.filter(({ meanMs }) => meanMs >= lookupMs);
  const related = findings.some(({ parent }) => parent?.related);
  const tables = [...new Set(findings.map(({ table }) => table))];
  const [first] = findings;
  const where = first?.view ? `The view ${first.view}` : 'A view';
  const named = tables.slice(0, 3).join(', ') + (tables.length > 3 ? ` and ${tables.length - 3} more` : '');
  return {
    status: 'found',
    share,
    confidence: confidence(apiComplains(the) || related),
    summary: `${where} asks ${named} once for every row: ${decimal(first?.callsPerRequest ?? 0)} lookups each per request, ${decimal(report.statementsPerRequest ?? 0)} statements per request of the API${share === null ? '' : `, ${percent(share)} of request time`}.`,
    evidence,
    against: slow.slice(0, MAX_LISTED).map(({ table, meanMs }) => ({
      text: `a lookup of ${table} takes ${duration(meanMs)}, which is long for one by a key`,
      data: { table, meanMs },
    })),
    mitigations: [],
    // Quick lookups need no index; of slow ones the index takes most of the pain away.
    independent: slow.length === 0,
    advice: [
      'When a deploy brought it, roll that back: this is the quickest way out.',
      ...report.fixes.slice(0, 5).map((fix) => `Mend the queryset: ${fix}`),
      'Look what is left, in staging: with CaptureQueriesContext(connection) as q: client.get(url); print(len(q))',
      'Until then a shorter page helps in proportion: page_size of the paginator, or max_page_size.',
    ],
  };
}

function evidenceOf(finding: NPlusOneFinding): Evidence {
  const { table, columns, callsPerRequest, callsPerSecond, meanMs, parent, normalCallsPerRequest, view } =
    finding;
  const usual =
    normalCallsPerRequest === null ? '' : `; on a healthy day ${decimal(normalCallsPerRequest)} per request`;
  const list = parent
    ? `, as ${parent.tables.join(', ') || 'a list'} is listed with ${Math.round(parent.rowsPerCall)} rows ${decimal(parent.callsPerSecond)} times a second`
    : '';
  return {
    text: `${table} by ${columns.join(', ')}: ${decimal(callsPerRequest)} lookups per request, ${Math.round(callsPerSecond)} a second, ${decimal(meanMs)} ms each${list}${usual}`,
    data: {
      probe: 'n-plus-one',
      table,
      columns,
      callsPerRequest,
      callsPerSecond,
      meanMs,
      view,
      query: finding.query.text,
    },
  };
}

function perRequest({ statementsPerRequest }: NPlusOneReport): Evidence[] {
  return statementsPerRequest === null
    ? []
    : [
        {
          text: `a request of the API sends ${decimal(statementsPerRequest)} statements on average`,
          data: { statementsPerRequest },
        },
      ];
}

/** Sentry recognises repeated spans by itself. https://docs.sentry.io/product/issues/issue-details/performance-issues/n-one-queries/ */
function reported({ facts }: Case): Evidence[] {
  const places = facts.issues.filter(({ kind }) => kind === 'n-plus-one');
  const seen = new Set<string>();
  return places.flatMap(({ source, transaction }) => {
    const where = transaction ?? 'a transaction';
    if (seen.has(where) || seen.size >= MAX_LISTED) return [];
    seen.add(where);
    return [{ text: `an alert of ${source} reports N+1 queries in ${where}`, data: { source, transaction } }];
  });
}

function notRepeated(report: NPlusOneReport): Verdict {
  const [unseen] = report.notSeen.filter(({ what }) => what === 'lookups per request');
  if (unseen && report.findings.length === 0) return couldNotLook(`${unseen.what}: ${unseen.reason}`);
  const [usual] = report.findings;
  if (usual) {
    return ruledOut(
      `${usual.table} is looked up ${decimal(usual.callsPerAnyRequest ?? 0)} times per request, as on every healthy day`,
      report.findings.slice(0, MAX_LISTED).map(evidenceOf),
    );
  }
  const [busiest] = report.busiest;
  return ruledOut(
    busiest
      ? `no lookup is sent ${count(report.threshold, 'time', 'times')} per request; the busiest, of ${busiest.table}, ${decimal(busiest.callsPerAnyRequest ?? 0)} times`
      : `no lookup is sent ${count(report.threshold, 'time', 'times')} per request`,
    perRequest(report),
  );
}
