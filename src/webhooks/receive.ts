import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { AlertsConfig } from '../config/alerts.ts';
import type { AlertSource } from '../store/alert-inbox.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { alertmanager } from './alertmanager.ts';
import { deliveryOf } from './delivery.ts';
import { generic } from './generic.ts';
import { grafana } from './grafana.ts';
import type { InboxWriter } from './inbox-writer.ts';
import { type BodyProof, single } from './proof.ts';
import { type RawBody, readBody } from './read-body.ts';
import type { Sender } from './sender.ts';
import { sentry } from './sentry.ts';

export interface ReceiveOptions {
  config: AlertsConfig;
  services: ReadonlyMap<string, unknown>;
  inbox: InboxWriter;
  metrics: Metrics;
  log: Logger;
  /** Alerts of this service are committed. */
  onStored(service: string): void;
  /** How many alerts wait to be applied. */
  waiting(): number;
  bodyTimeoutMs?: number;
}

const SENDERS: readonly Sender[] = [sentry, alertmanager, grafana, generic];

const BODY_TIMEOUT_MS = 10_000;
/** Bodies under way. Sentry tries once, so it has some that the others cannot take. */
const MAX_BODIES = 64;
const RESERVED_FOR_SENTRY = 16;
/** Above it new alerts are turned away until some are applied; Sentry's are taken up to twice as many. */
const MAX_WAITING = 50_000;
/** The store may hang: the sender has to learn that it should try again. */
const STORE_DEADLINE_MS = 5_000;

interface Answer {
  code: number;
  body: Record<string, unknown>;
}

/** `POST /webhooks/<sender>`: authenticate, store, answer. Nothing else happens before the answer. */
export function registerWebhooks(app: FastifyInstance, options: ReceiveOptions): void {
  const underWay = { bodies: 0 };
  app.register(async (scope) => {
    // The bytes are read here, because signatures are over them.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const sender of SENDERS) {
      scope.all(`/webhooks/${sender.source}`, async (request, reply) => {
        const begin = performance.now();
        const { code, body } = await answerTo(sender, request.raw, options, underWay);
        options.metrics.webhookSeconds.observe(
          { source: sender.source },
          (performance.now() - begin) / 1_000,
        );
        if (code === 503) reply.header('retry-after', '30');
        if (code === 405) reply.header('allow', 'POST');
        // What was not read of the body would be taken for the next request.
        if (!request.raw.complete) reply.header('connection', 'close');
        return reply.code(code).send(body);
      });
    }
  });
}

async function answerTo(
  sender: Sender,
  request: IncomingMessage,
  options: ReceiveOptions,
  underWay: { bodies: number },
): Promise<Answer> {
  const { source } = sender;
  const at = new Date();
  const refused = (code: number, reason: string, error: string): Answer => {
    options.metrics.webhookRefusals.inc({ source, reason });
    options.log.warn({ source, reason, status: code }, 'webhook refused');
    return { code, body: { ok: false, error } };
  };
  if (request.method !== 'POST') return refused(405, 'method', 'only POST');
  const proof = sender.proof(options.config, { headers: request.headers, at, bodyHash: '' });
  if (proof === null) return refused(404, 'not-configured', `not configured: set ${sender.setting}`);
  if (typeof proof === 'string') return refused(401, proof, UNAUTHORIZED);
  if (!/^application\/json\b/i.test(single(request.headers, 'content-type') ?? '')) {
    return refused(415, 'content-type', 'expected application/json');
  }
  if (isFull(source, options, underWay)) return refused(503, 'busy', TRY_AGAIN);
  underWay.bodies += 1;
  try {
    const body = await readProven(request, proof, options);
    if (typeof body === 'string') {
      const [code, error] = REFUSED_BODIES[body];
      return refused(code, body, error);
    }
    return await store(sender, request, body, at, options, refused);
  } finally {
    underWay.bodies -= 1;
  }
}

/** Says no more than that: who guesses learns nothing. */
const UNAUTHORIZED = 'unauthorized';
const TRY_AGAIN = 'cannot store alerts now, try again';

const REFUSED_BODIES = {
  'missing-proof': [401, UNAUTHORIZED],
  'wrong-proof': [401, UNAUTHORIZED],
  'stale-proof': [401, UNAUTHORIZED],
  'body-too-slow': [408, 'the body took too long'],
  'body-too-large': [413, 'the body is larger than 16 MiB'],
  'body-broken-off': [400, 'the body ended early'],
} as const;

async function readProven(
  request: IncomingMessage,
  proof: BodyProof,
  options: ReceiveOptions,
): Promise<RawBody | keyof typeof REFUSED_BODIES> {
  const body = await readBody(request, proof, options.bodyTimeoutMs ?? BODY_TIMEOUT_MS);
  return typeof body === 'string' ? body : (proof.end() ?? body);
}

async function store(
  sender: Sender,
  request: IncomingMessage,
  body: RawBody,
  at: Date,
  options: ReceiveOptions,
  refused: (code: number, reason: string, error: string) => Answer,
): Promise<Answer> {
  const { source } = sender;
  const { metrics, log } = options;
  const { delivery, ignored, unread, dedupKey } = deliveryOf(
    sender,
    body,
    { headers: request.headers, at, bodyHash: body.hash },
    options,
  );
  if (ignored !== null) {
    metrics.webhookDeliveries.inc({ source, status: 'ignored' });
    return { code: 202, body: { ok: true, status: 'ignored' } };
  }
  let outcome: 'stored' | 'duplicate';
  try {
    outcome = await within(options.inbox.write(delivery), STORE_DEADLINE_MS);
  } catch (err) {
    log.error({ err, source, bodyHash: body.hash, bytes: body.bytes }, 'storing alerts');
    return refused(503, 'store', TRY_AGAIN);
  }
  const status = outcome === 'duplicate' ? 'duplicate' : unread ? 'unread' : 'stored';
  metrics.webhookDeliveries.inc({ source, status });
  log.info(
    { source, bodyHash: body.hash, bytes: body.bytes, alerts: delivery.alerts.length, status },
    'webhook',
  );
  if (outcome === 'stored') countStored(source, delivery.alerts, options);
  const answer = dedupKey === undefined ? {} : { message: 'Event processed', dedup_key: dedupKey };
  if (outcome === 'duplicate') return { code: 200, body: { ok: true, status: 'duplicate', ...answer } };
  // "success" is what senders of PagerDuty's events look for.
  return { code: 202, body: { ok: true, status: unread ? 'unread' : 'success', ...answer } };
}

function countStored(
  source: AlertSource,
  alerts: readonly { service: string | null; alert: { status: string } }[],
  { metrics, log, onStored }: ReceiveOptions,
): void {
  for (const { alert } of alerts) metrics.alerts.inc({ source, status: alert.status });
  const unrouted = alerts.filter(({ service }) => service === null).length;
  if (unrouted > 0) {
    metrics.alertsUnrouted.inc({ source }, unrouted);
    log.warn({ source, alerts: unrouted }, 'alerts that no route matches are kept and open nothing');
  }
  for (const service of new Set(alerts.map((one) => one.service))) if (service !== null) onStored(service);
}

function isFull(source: AlertSource, options: ReceiveOptions, underWay: { bodies: number }): boolean {
  const isSentry = source === 'sentry';
  const bodies = isSentry ? MAX_BODIES : MAX_BODIES - RESERVED_FOR_SENTRY;
  return underWay.bodies >= bodies || options.waiting() >= (isSentry ? 2 : 1) * MAX_WAITING;
}

/** What is written after that is a duplicate when the sender comes again. */
function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`the store did not answer in ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
