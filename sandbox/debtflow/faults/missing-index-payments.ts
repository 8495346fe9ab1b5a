import { idOf } from '../ids.ts';
import { droppedIndex } from './dropped-index.ts';
import type { Fault, FaultTargets } from './fault.ts';

/** Every payment list, and each account of the analytics summary, reads all payments. */
export function missingIndexPayments(targets: FaultTargets): Fault {
  return droppedIndex(targets, {
    name: 'missing-index-payments',
    title: 'The index of payments by account is gone',
    description:
      'A migration has dropped it and was stopped before it made the new one: whoever asks for the payments of an account reads all of them.',
    table: 'payments_payment',
    index: 'payments_payment_account_created',
    columns: 'account_id, created_at desc',
    history: {
      id: 'gen_random_uuid()',
      processor_id: `'${idOf('processor', 1)}'`,
      status: `'completed'`,
      amount: '25',
    },
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
