/** A relation of Django that a view loads row by row unless its queryset asks for it. */
export interface KnownRelation {
  /** Models that it may lead to: the table's name without the app's label. */
  models: readonly string[];
  /** Name of the relation, as it stands in the queryset. */
  relation: string;
  how: 'select_related' | 'prefetch_related';
}

export interface KnownSource {
  viewSet: string;
  model: string;
  /** Table of the list query. */
  table: string;
  /** Route names, as the metrics show them. */
  views: readonly string[];
  relations: readonly KnownRelation[];
}

/** The N+1 sources that the runbook names, step 3, with the relations of its section "Fix N+1 Queries". */
export const KNOWN_SOURCES: readonly KnownSource[] = [
  {
    viewSet: 'AccountViewSet',
    model: 'Account',
    table: 'accounts_account',
    views: ['account-list', 'account-detail'],
    relations: [
      { models: ['agency'], relation: 'agency', how: 'select_related' },
      { models: ['debtor'], relation: 'debtor', how: 'select_related' },
      // The runbook goes on to assigned_to__user: the assignee is a profile.
      {
        models: ['collector', 'agent', 'profile', 'userprofile', 'staff'],
        relation: 'assigned_to',
        how: 'select_related',
      },
      { models: ['user'], relation: 'assigned_to__user', how: 'select_related' },
      { models: ['activity'], relation: 'activities', how: 'prefetch_related' },
      { models: ['payment'], relation: 'payments', how: 'prefetch_related' },
    ],
  },
  {
    viewSet: 'PaymentViewSet',
    model: 'Payment',
    table: 'payments_payment',
    views: ['payment-list', 'payment-detail'],
    relations: [
      { models: ['account'], relation: 'account', how: 'select_related' },
      { models: ['debtor'], relation: 'account__debtor', how: 'select_related' },
      { models: ['processor', 'paymentprocessor'], relation: 'processor', how: 'select_related' },
    ],
  },
];

/** Model that Django made a table for, in lower case: `accounts_debtor` is `debtor`. */
export function modelOf(table: string): string {
  return table.slice(table.lastIndexOf('_') + 1);
}

/** The relation over which rows of `listed` (or the rows of `view`) load rows of `looked`, one by one. */
export function knownRelation(
  looked: string,
  from: { listed: readonly string[]; view: string | null },
  how: KnownRelation['how'],
): { source: KnownSource; relation: KnownRelation } | null {
  for (const source of KNOWN_SOURCES) {
    const isFrom =
      from.listed.includes(source.table) || (from.view !== null && source.views.includes(from.view));
    const relation = source.relations.find((one) => one.how === how && one.models.includes(modelOf(looked)));
    if (isFrom && relation) return { source, relation };
  }
  return null;
}
