import { parseArgs } from 'node:util';
import Fastify from 'fastify';
import { startDebtflow } from './debtflow.ts';

/** Starts DebtFlow alone, with the routes of its fault panel: `node --import tsx sandbox/debtflow/main.ts --state-dir D [--size small] [--no-load] [--without redis|pgbouncer]`. */
const { values } = parseArgs({
  options: {
    'state-dir': { type: 'string' },
    size: { type: 'string', default: 'full' },
    'no-load': { type: 'boolean', default: false },
    without: { type: 'string', multiple: true, default: [] },
  },
});
const stateDir = values['state-dir'];
if (!stateDir || (values.size !== 'full' && values.size !== 'small')) {
  console.error('usage: main.ts --state-dir DIR [--size full|small] [--no-load]');
  process.exit(2);
}

const debtflow = await startDebtflow({
  stateDir,
  size: values.size,
  load: !values['no-load'],
  without: values.without.filter((name) => name === 'redis' || name === 'pgbouncer'),
  log: (line) => console.error(line),
  progress: (step, detail) => console.error(detail ? `${step}: ${detail}` : step),
});
const control = Fastify();
await debtflow.register(control);
const controlUrl = await control.listen({ host: '127.0.0.1', port: 0 });
const { databaseUrl, probeUrl, actionUrl, pgbouncerUrl, redisUrl, apiUrl, metricsUrl, pidFile, logFile } =
  debtflow;
const { pgbouncerAdminUrl } = debtflow;
console.log(
  JSON.stringify(
    {
      controlUrl,
      databaseUrl,
      probeUrl,
      actionUrl,
      pgbouncerUrl,
      pgbouncerAdminUrl,
      redisUrl,
      apiUrl,
      metricsUrl,
      pidFile,
      logFile,
    },
    null,
    2,
  ),
);

let closing = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (closing) return;
    closing = true;
    void control
      .close()
      .then(debtflow.close)
      .then(() => process.exit(0));
  });
}
