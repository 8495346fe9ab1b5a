import type { NamedService } from '../config/schema.ts';
import type { ProbeId, Reports } from '../probes/index.ts';
import type { ProbeOutcome } from '../probes/probe.ts';

/** Why there is no report of a probe. */
export interface Missing {
  status: 'skipped' | 'failed';
  reason: string;
  code: string;
}

/** Trouble that somebody else's monitoring recognised by itself, as Sentry does N+1 queries. */
export interface ReportedIssue {
  source: string;
  kind: 'n-plus-one' | 'slow-db' | 'slow-view' | 'transaction';
  transaction: string | null;
}

/** Everything a run found out, keyed by probe: the order in which probes ended plays no role. */
export interface Facts {
  service: NamedService;
  reports: Partial<Reports>;
  /** What alerts of the incident say about where it is. */
  issues: readonly ReportedIssue[];
  /** What there is to say about a probe without a report. */
  missing(probeId: ProbeId): Missing;
  /** Whether sessions of this role are requests of the API. */
  isApplication(role: string): boolean;
}

/** Sorts the outcomes of a run by what they can prove. */
export function readFacts(
  service: NamedService,
  outcomes: readonly ProbeOutcome[],
  issues: readonly ReportedIssue[] = [],
): Facts {
  const roles = service.targets.postgres?.applicationRoles ?? [];
  const byId = new Map(outcomes.map((outcome) => [outcome.probeId, outcome]));
  const answered = outcomes.flatMap((outcome) =>
    outcome.status === 'answered' ? [[outcome.probeId, outcome.report] as const] : [],
  );
  return {
    service,
    // The one place that trusts an id to tell the type: runProbe and the store parse every report.
    reports: Object.fromEntries(answered) as Partial<Reports>,
    issues,
    missing(probeId) {
      const outcome = byId.get(probeId);
      if (outcome && outcome.status !== 'answered') return outcome;
      return { status: 'skipped', reason: 'not part of this run', code: 'not-configured' };
    },
    isApplication: (role) => roles.length === 0 || roles.includes(role),
  };
}
