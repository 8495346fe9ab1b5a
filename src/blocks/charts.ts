import type { NamedService } from '../config/schema.ts';
import { type Diagnosis, type Ledger, PLACES } from '../diagnosis/diagnosis.ts';
import { barChart } from './bar-chart.ts';
import type { MessageBlock } from './kit.ts';
import { placeName, requestsAt } from './ledger-words.ts';

/** The name that people know a view by. */
export function viewName(service: NamedService, view: string): string {
  // A route may have the name of a property that every object has.
  return (Object.hasOwn(service.views, view) ? service.views[view] : undefined) ?? view;
}

/** p95 by view with the objective beside it, slowest first. */
export function latencyChart(diagnosis: Diagnosis, service: NamedService, charts: boolean): MessageBlock[] {
  const views = Object.entries(diagnosis.scope.byView)
    .filter((entry): entry is [string, (typeof entry)[1] & { p95Ms: number }] => entry[1].p95Ms !== null)
    .sort(([, a], [, b]) => b.p95Ms - a.p95Ms);
  const objective = service.thresholds.baselineP95Ms;
  return barChart(
    'p95 by view',
    views.map(([view]) => viewName(service, view)),
    [
      { name: 'p95', values: views.map(([, latency]) => latency.p95Ms) },
      { name: 'objective', values: views.map(() => objective) },
    ],
    'ms',
    charts,
  );
}

/** Where requests in flight are, one ledger or two side by side. */
export function ledgerChart(
  title: string,
  ledgers: { name: string; ledger: Ledger }[],
  charts: boolean,
): MessageBlock[] {
  const places = PLACES.filter((place) => ledgers.some(({ ledger }) => requestsAt(ledger, place) > 0.005));
  return barChart(
    title,
    places.map(placeName),
    ledgers.map(({ name, ledger }) => ({ name, values: places.map((place) => requestsAt(ledger, place)) })),
    'average requests in flight',
    charts,
  );
}
