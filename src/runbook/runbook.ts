import type { ProbeId } from '../probes/index.ts';

export interface RunbookStep {
  number: number;
  title: string;
  /** Probes that automate the step; empty while it is left to people. */
  probes: ProbeId[];
}

/** The steps of the runbook "High API Latency", in its order. */
export const RUNBOOK_STEPS: readonly RunbookStep[] = [
  {
    number: 1,
    title: 'Confirm the scope of the problem',
    probes: ['api-latency', 'gunicorn-workers', 'request-log'],
  },
  {
    number: 2,
    title: 'Check database performance',
    probes: ['active-queries', 'lock-tree', 'top-statements'],
  },
  { number: 3, title: 'Identify N+1 query patterns', probes: ['n-plus-one'] },
  { number: 4, title: 'Explain suspect queries', probes: ['explain'] },
  { number: 5, title: 'Check connection pool status', probes: ['connection-pool', 'pgbouncer'] },
  { number: 6, title: 'Check Redis latency', probes: ['redis'] },
  { number: 7, title: 'Check application server resources', probes: ['host'] },
  {
    number: 8,
    title: 'Tune PostgreSQL, and look at the symptoms around the API',
    probes: ['table-health', 'postgres-server', 'celery'],
  },
];
