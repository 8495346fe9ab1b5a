import { createHash } from 'node:crypto';

/** Belongs to no account. */
export const NO_ACCOUNT = '00000000-0000-0000-0000-000000000000';

export type Kind = 'agency' | 'debtor' | 'account' | 'processor';

/** The id of the n-th row of a kind, counted from 1: the same in every cluster, so the load needs no database. */
export function idOf(kind: Kind, n: number): string {
  const hex = createHash('md5').update(`${kind}:${n}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The SQL expression that yields the same id. */
export function idExpression(kind: Kind, n: string): string {
  return `md5('${kind}:' || ${n})::uuid`;
}

/** How much there is of everything; `small` is for tests, with agencies as large as those of `full`. */
export interface Volume {
  agencies: number;
  processors: number;
  debtors: number;
  accounts: number;
  payments: number;
  activities: number;
}

export const VOLUMES: Record<'full' | 'small', Volume> = {
  full: {
    agencies: 20,
    processors: 4,
    debtors: 80_000,
    accounts: 200_000,
    payments: 400_000,
    activities: 500_000,
  },
  small: {
    agencies: 4,
    processors: 4,
    debtors: 8_000,
    accounts: 20_000,
    payments: 40_000,
    activities: 50_000,
  },
};

/** Accounts 1 to 12 are those that everybody works on at the moment. */
export const HOT_ACCOUNTS = Array.from({ length: 12 }, (_, index) => idOf('account', index + 1));
