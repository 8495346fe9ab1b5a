import type { Budget } from './mitigation.ts';

/** What a limit bounds: changes of one sort per incident, all changes of a service per hour, or index builds at once. */
export type Limited = Budget | 'hour' | 'index-build';

const SPENT: Record<Budget, string> = {
  sessions: 'cancelled or terminated sessions',
  workers: 'changes of the number of workers',
  indexes: 'index builds and drops',
  maintenance: 'runs of ANALYZE or VACUUM',
  settings: 'changes of settings',
  pools: 'changes of connection pools',
};

/** Which limit is used up, and the setting that says so; a sentence without its full stop. */
export function budgetWords(what: Limited, limit: number): string {
  if (what === 'index-build')
    return 'another index build of this service is under way, and they run one at a time';
  if (what === 'hour') {
    return `this service has had its ${limit} changes of the last hour (mitigations.maxPerHour)`;
  }
  return `this incident has used up its ${limit} ${SPENT[what]} (mitigations.limits.${what})`;
}
