import { type DebtFlow, useDebtFlow } from '../model/debtflow.ts';
import { FaultList } from './fault-list.tsx';
import { Sparkline } from './sparkline.tsx';

/** What DebtFlow's users were promised. */
const OBJECTIVE_MS = 200;

function ms(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : `${Math.round(value).toLocaleString()} ms`;
}

function rate(value: number | null | undefined): string {
  return value === null || value === undefined
    ? '–'
    : value.toLocaleString(undefined, { maximumFractionDigits: 1 });
}

/** The service under load: its latency now, and the faults to try. */
export function DebtFlowPanel() {
  const debtFlow = useDebtFlow();
  return (
    <section className="debtflow" aria-label="DebtFlow">
      <header className="pane-head">
        <h2>DebtFlow</h2>
        <p className="topic">Django API, live</p>
      </header>
      <div className="debtflow-content">
        {debtFlow.starting ? (
          <p className="empty" role="status">
            DebtFlow is starting…
          </p>
        ) : (
          <>
            <Now debtFlow={debtFlow} />
            <FaultList faults={debtFlow.faults} setFault={debtFlow.setFault} />
            <ByView debtFlow={debtFlow} />
          </>
        )}
      </div>
    </section>
  );
}

function Now({ debtFlow }: { debtFlow: DebtFlow }) {
  const { latency, history } = debtFlow;
  const p95 = latency?.p95Ms ?? null;
  const over = p95 !== null && p95 > OBJECTIVE_MS;
  return (
    <>
      <div className={over ? 'now over' : 'now'}>
        <div className="p95">
          <span className="p95-label">p95</span>
          <strong className="p95-value" data-testid="p95">
            {ms(p95)}
          </strong>
          <span className="verdict">
            {p95 === null ? 'no requests measured' : over ? 'above' : 'within'} the {OBJECTIVE_MS} ms
            objective
          </span>
        </div>
        <Sparkline history={history} objectiveMs={OBJECTIVE_MS} />
      </div>
      <dl className="numbers">
        <div>
          <dt>p50</dt>
          <dd>{ms(latency?.p50Ms)}</dd>
        </div>
        <div>
          <dt>p99</dt>
          <dd>{ms(latency?.p99Ms)}</dd>
        </div>
        <div>
          <dt>req/s</dt>
          <dd>{rate(latency?.rps)}</dd>
        </div>
        <div>
          <dt>errors</dt>
          <dd>{latency?.errorRate == null ? '–' : `${rate(latency.errorRate * 100)} %`}</dd>
        </div>
      </dl>
    </>
  );
}

function ByView({ debtFlow }: { debtFlow: DebtFlow }) {
  const views = Object.entries(debtFlow.latency?.byView ?? {});
  if (views.length === 0) return null;
  return (
    <table className="by-view">
      <caption>By view, last 10 s</caption>
      <thead>
        <tr>
          <th scope="col">View</th>
          <th scope="col">p50</th>
          <th scope="col">p95</th>
          <th scope="col">req/s</th>
        </tr>
      </thead>
      <tbody>
        {views.map(([name, view]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{ms(view.p50Ms)}</td>
            <td className={(view.p95Ms ?? 0) > OBJECTIVE_MS ? 'over' : ''}>{ms(view.p95Ms)}</td>
            <td>{rate(view.rps)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
