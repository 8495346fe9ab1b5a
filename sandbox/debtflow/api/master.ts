import { rmSync, writeFileSync } from 'node:fs';
import { onParentGone } from '../parent.ts';
import { startArbiter } from './arbiter.ts';
import { openLogFile } from './log-file.ts';
import { type ApiConfig, CONFIG_VARIABLE, type ReadyMessage, type SwitchMessage } from './messages.ts';
import { createApiMetrics } from './metrics.ts';

/** Gunicorn's master: holds the listening socket, keeps the workers, counts what they did, obeys the signals. */
const config = JSON.parse(process.env[CONFIG_VARIABLE] ?? '{}') as ApiConfig;
process.title = 'gunicorn: master [debtflow-api]';

const log = openLogFile(config.logFile);
const metrics = createApiMetrics();
const { port } = await metrics.listen();
writeFileSync(config.pidFile, `${process.pid}\n`);
log.error('INFO', `Starting gunicorn: ${config.workers} sync workers, metrics on port ${port}`);
const arbiter = startArbiter(config, log, metrics);

async function stop(signal: string): Promise<void> {
  log.error('INFO', `Handling signal: ${signal}`);
  await arbiter.stop();
  log.error('INFO', 'Shutting down: Master');
  rmSync(config.pidFile, { force: true });
  process.exit(0);
}

process.on('SIGTTIN', () => {
  log.error('INFO', 'Handling signal: ttin');
  arbiter.adjust(1);
});
process.on('SIGTTOU', () => {
  log.error('INFO', 'Handling signal: ttou');
  arbiter.adjust(-1);
});
process.on('SIGHUP', () => {
  log.error('INFO', 'Handling signal: hup');
  arbiter.reload();
});
process.on('message', (message: SwitchMessage) => arbiter.switch(message.switches));
process.once('SIGTERM', () => void stop('term'));
process.once('SIGINT', () => void stop('int'));
// Whoever started us is gone: the workers see our exit and follow.
onParentGone(() => {
  rmSync(config.pidFile, { force: true });
  process.exit(1);
});
// Users that came earlier would find a queue, and a baseline that looks like an incident.
await arbiter.booted;
const ready: ReadyMessage = { type: 'ready', metricsPort: port };
process.send?.(ready, undefined, {}, () => undefined); // gone already: 'disconnect' says so
