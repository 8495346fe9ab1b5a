import { HOT_ACCOUNTS, idOf, type Volume } from '../ids.ts';

/** One request that a user of DebtFlow would make. `view` is the label in the latency report. */
export interface PlannedRequest {
  view: string;
  method: 'GET' | 'PATCH' | 'POST';
  path: string;
  body?: Record<string, string>;
}

type Plan = (pick: Pick) => PlannedRequest;

interface Pick {
  account(): string;
  hotAccount(): string;
  agency(): string;
  processor(): string;
}

const STATUSES = ['new', 'assigned', 'in_progress', 'promised'];
const any = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)] as T;

const patch = (account: string): PlannedRequest => ({
  view: 'account-detail PATCH',
  method: 'PATCH',
  path: `/api/accounts/${account}/`,
  body: { status: any(STATUSES) },
});
const pay = (account: string, processor: string): PlannedRequest => ({
  view: 'payment-list POST',
  method: 'POST',
  path: '/api/payments/',
  body: { account, processor, amount: (1 + Math.random() * 90).toFixed(2) },
});
const get = (view: string, path: string): PlannedRequest => ({ view, method: 'GET', path });

/** How many of a hundred requests are of each kind: 80 reads, 20 writes, half of these on the hot accounts. */
const SHARES: [number, Plan][] = [
  [24, (pick) => get('account-list', `/api/accounts/?agency=${pick.agency()}&status=new,assigned`)],
  [12, (pick) => get('account-detail', `/api/accounts/${pick.account()}/`)],
  [10, (pick) => get('account-detail', `/api/accounts/${pick.hotAccount()}/`)],
  [14, (pick) => get('payment-list', `/api/payments/?account=${pick.account()}`)],
  [10, (pick) => get('activity-list', `/api/activities/?account=${pick.account()}`)],
  [10, (pick) => get('analytics-summary', `/api/analytics/summary/?agency=${pick.agency()}`)],
  [5, (pick) => patch(pick.account())],
  [5, (pick) => patch(pick.hotAccount())],
  [5, (pick) => pay(pick.account(), pick.processor())],
  [5, (pick) => pay(pick.hotAccount(), pick.processor())],
];

/** Deals requests from a shuffled deck of a hundred, so that the shares hold in every few seconds. */
export function createMix(volume: Volume): () => PlannedRequest {
  const nth = (kind: 'account' | 'agency' | 'processor', count: number) =>
    idOf(kind, 1 + Math.floor(Math.random() * count));
  const pick: Pick = {
    account: () => nth('account', volume.accounts),
    hotAccount: () => any(HOT_ACCOUNTS),
    agency: () => nth('agency', volume.agencies),
    processor: () => nth('processor', volume.processors),
  };
  let deck: Plan[] = [];
  return () => {
    if (deck.length === 0) deck = shuffled(SHARES.flatMap(([count, plan]) => Array<Plan>(count).fill(plan)));
    const plan = deck.pop() as Plan;
    return plan(pick);
  };
}

function shuffled<T>(list: T[]): T[] {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [list[last], list[other]] = [list[other] as T, list[last] as T];
  }
  return list;
}
