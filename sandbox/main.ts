import { parseArgs } from 'node:util';
import fastify from 'fastify';
import { startSandbox } from './sandbox.ts';

/**
 * The sandbox without the bot: `node --import tsx sandbox/main.ts --port 8080 --state-dir DIR [--no-debtflow]`.
 * Prints one JSON line with its addresses once it is up, and ends on SIGINT or SIGTERM.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    'state-dir': { type: 'string', default: '.latency-bot' },
    'no-debtflow': { type: 'boolean', default: false },
  },
});

const app = fastify({ forceCloseConnections: true });
const sandbox = await startSandbox(app, {
  stateDir: values['state-dir'],
  debtflow: !values['no-debtflow'],
  log: (line) => process.stderr.write(`${line}\n`),
  progress: (step, detail) => process.stderr.write(`${step} ${detail ?? ''}\n`),
});
const url = await app.listen({ host: '127.0.0.1', port: Number(values.port) });
const { debtflow } = sandbox;
const addresses = debtflow && {
  databaseUrl: debtflow.databaseUrl,
  probeUrl: debtflow.probeUrl,
  actionUrl: debtflow.actionUrl,
  metricsUrl: debtflow.metricsUrl,
  apiUrl: debtflow.apiUrl,
  pidFile: debtflow.pidFile,
};
process.stdout.write(`${JSON.stringify({ url, pid: process.pid, debtflow: addresses })}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await Promise.all([app.close(), sandbox.close()]);
    process.exit(0);
  });
}
