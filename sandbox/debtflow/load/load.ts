import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { onParentGone } from '../parent.ts';
import { LOAD_VARIABLE, type LoadConfig, type LoadMessage, type RateMessage, type Seen } from './messages.ts';
import { createMix, type PlannedRequest } from './mix.ts';

/** DebtFlow's users: requests arrive at a steady rate whether or not the earlier ones were answered. */
const config = JSON.parse(process.env[LOAD_VARIABLE] ?? '{}') as LoadConfig;
process.title = 'debtflow: load';

const TIMEOUT_MS = 10_000;
const MAX_IN_FLIGHT = 200;
const REPORT_EVERY_MS = 200;

const next = createMix(config.volume);
const waiting = new Set<{ view: string; startedAt: number }>();
let ended: Seen[] = [];
let factor = 1;

function send(planned: PlannedRequest): void {
  if (waiting.size >= MAX_IN_FLIGHT) {
    ended.push({ view: planned.view, ms: 0, outcome: 'not-sent' });
    return;
  }
  const entry = { view: planned.view, startedAt: performance.now() };
  waiting.add(entry);
  const finish = (outcome: 'ok' | 'error') => {
    if (!waiting.delete(entry)) return; // an error after the answer, or a second one
    ended.push({ view: planned.view, ms: performance.now() - entry.startedAt, outcome });
  };
  const body = planned.body ? JSON.stringify(planned.body) : '';
  const outgoing = request(new URL(planned.path, config.apiUrl), {
    method: planned.method,
    agent: false,
    headers: {
      'User-Agent': 'debtflow-frontend',
      ...(body ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } : {}),
      ...(planned.method === 'POST' ? { 'Idempotency-Key': randomUUID() } : {}),
    },
  });
  const deadline = setTimeout(() => outgoing.destroy(new Error('timed out')), TIMEOUT_MS);
  outgoing.once('close', () => clearTimeout(deadline));
  outgoing.once('error', () => finish('error'));
  outgoing.once('response', (response) => {
    response.resume();
    response.once('error', () => finish('error'));
    response.once('close', () => finish((response.statusCode ?? 500) < 500 ? 'ok' : 'error'));
  });
  outgoing.end(body);
}

/** Gaps between 0.4 and 1.6 of the mean: a crowd of users, without a Poisson process's bursts. */
function arrive(): void {
  send(next());
  setTimeout(arrive, ((0.4 + Math.random() * 1.2) * 1000) / (config.requestsPerSecond * factor));
}

function report(): void {
  const now = performance.now();
  const message: LoadMessage = {
    type: 'seen',
    ended,
    waiting: [...waiting].map(({ view, startedAt }) => ({ view, ageMs: now - startedAt })),
  };
  ended = [];
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

process.on('message', (message: RateMessage) => {
  factor = message.factor;
});
onParentGone(() => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
setInterval(report, REPORT_EVERY_MS);
arrive();
