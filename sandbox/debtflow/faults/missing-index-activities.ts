import { droppedIndex } from './dropped-index.ts';
import type { Fault, FaultTargets } from './fault.ts';

/** Every account detail, every activity list and each account of the analytics summary reads all activities. */
export function missingIndexActivities(targets: FaultTargets): Fault {
  return droppedIndex(targets, {
    name: 'missing-index-activities',
    title: 'The index of activities by account is gone',
    description:
      'A migration has dropped it and was stopped before it made the new one: account pages and activity lists read all activities.',
    table: 'accounts_activity',
    index: 'accounts_activity_account_created',
    columns: 'account_id, created_at desc',
    history: { kind: `'letter'`, note: `'Letter ' || n || ' of the agency that had the account before'` },
    truth: {
      cause: 'missing-index',
      alsoAcceptable: ['plan-regression'],
      evidence: ['top-statements', 'explain'],
      notFirst: [
        'cpu-saturation-db',
        'cpu-saturation-api',
        'long-running-query',
        'gunicorn-starvation',
        'traffic-spike',
      ],
      mitigation: 'create-index',
      harmful: ['add-workers', 'terminate-backend'],
      recovers: 'by-mitigation',
    },
  });
}
