import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { stringify } from 'yaml';
import { parseConfig } from './config/load.ts';
import { sandboxAlerts, sandboxServices, sandboxSlack } from './config/sandbox.ts';
import type { Config, NamedService } from './config/schema.ts';
import { BotError } from './errors.ts';
import { connectSlack, identify, type SlackConnection } from './handlers/connect-slack.ts';
import { slackPeople } from './handlers/people.ts';
import type { GamedayRange, IncidentDeps } from './incidents/deps.ts';
import { startReferee } from './incidents/gameday-referee.ts';
import { startKeepingBaselines } from './incidents/keep-baselines.ts';
import { recordConfiguration } from './incidents/record-configuration.ts';
import { assertPortFree, listen } from './listen.ts';
import { openStore } from './open-store.ts';
import { type Publisher, startPublisher } from './publisher/publisher.ts';
import { createSlackClient, PEOPLE_TIMEOUT_MS } from './publisher/slack-client.ts';
import { postgresBackend, redisBackend } from './queue/backend.ts';
import { openProducer, startWorkers } from './queue/queue.ts';
import { type OpenTargets, openTargets } from './targets/targets.ts';
import { registerHealth } from './telemetry/health.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { mountAlerts } from './webhooks/alerts-edge.ts';

export interface AppOptions {
  /** Process-wide settings; `services` only when a file was given. */
  config: Omit<Config, 'services'> & { services?: Config['services'] };
  /** Where the embedded servers and the sandbox keep their state. */
  stateDir: string;
  /** Begin anew: forget all state. */
  fresh: boolean;
  log: Logger;
  progress: (step: string, detail?: string) => void;
  /** Gives up a start that is still under way. */
  signal: AbortSignal;
}

export interface App {
  url: string;
  close(): Promise<void>;
}

type Stop = () => Promise<unknown>;

/** Node waits 60 s for headers and 300 s for a request, and looks every 30 s: far too patient with alerts. */
const SLOW_CLIENTS = {
  requestTimeout: 10_000,
  http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
};

/** A part that does not end in time is left behind: the parts below it still have to be stopped. */
const STOP_DEADLINE_MS = 1_000;
/** The sandbox ends beside the rest, and may take longer: faults are taken back, an API and a database stop. */
const SANDBOX_STOP_DEADLINE_MS = 3_800;

/** Builds and starts everything; when a part does not start, what was started before it is stopped again. */
export async function startApp(options: AppOptions): Promise<App> {
  const stops: Stop[] = [];
  const beside: Stop[] = [];
  const end = async (stop: Stop, ms: number) => {
    await Promise.race([stop(), sleep(ms, undefined, { ref: false })]).catch((err) =>
      options.log.error({ err }, 'stopping'),
    );
  };
  const close = async () => {
    const ending = beside.splice(0).map((stop) => end(stop, SANDBOX_STOP_DEADLINE_MS));
    for (let stop = stops.pop(); stop; stop = stops.pop()) await end(stop, STOP_DEADLINE_MS);
    await Promise.all(ending);
  };
  try {
    return { url: await start(options, stops, beside), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(options: AppOptions, stops: Stop[], beside: Stop[]): Promise<string> {
  const { log, progress, signal } = options;
  const stateDir = resolve(options.stateDir);
  const server = fastify({
    ...SLOW_CLIENTS,
    forceCloseConnections: true,
    trustProxy: false,
    bodyLimit: 2 * 1024 * 1024,
  });

  await assertPortFree(options.config.http);
  progress('store', options.config.store.databaseUrl ? 'your PostgreSQL' : 'embedded PostgreSQL');
  const { db, url: storeUrl } = await openStore({
    databaseUrl: options.config.store.databaseUrl,
    stateDir,
    fresh: options.fresh,
    log,
    stops,
  });

  signal.throwIfAborted();
  const sandboxed = options.config.slack.botToken === undefined;
  const config = sandboxed
    ? { ...options.config, alerts: sandboxAlerts(options.config.alerts) }
    : options.config;
  const { services, gameday } = sandboxed
    ? await openSandbox(server, { ...options, config }, stateDir, beside)
    : { services: options.config.services ?? noServices() };

  signal.throwIfAborted();
  const httpSlack: { connection: SlackConnection | null } = { connection: null };
  mountSlackEvents(server, httpSlack);
  const backend = options.config.queue.redisUrl
    ? await redisBackend(options.config.queue.redisUrl)
    : await postgresBackend(storeUrl);
  const bell = openProducer(backend, log);
  const posting: { publisher: Publisher | null } = { publisher: null };
  registerHealth(server, [
    { name: 'store', required: true, look: async () => void (await db.query('select 1')) },
    { name: 'queue', required: true, look: () => bell.ping() },
    { name: 'slack', required: false, look: async () => assertConnected(httpSlack.connection) },
    { name: 'slack-posting', required: false, look: async () => assertPosting(posting.publisher) },
  ]);
  const named = new Map(Object.entries(services).map(([id, service]) => [id, { ...service, id }]));
  await recordConfiguration(db, named);
  const metrics = createMetrics();
  const alerts = mountAlerts(server, {
    ...{ db, services: named, metrics, log },
    config: config.alerts,
    slackConnected: () => httpSlack.connection?.connected() ?? false,
    queued: () => bell.waiting(),
  });
  progress('http', `port ${options.config.http.port}`);
  const url = await listen(server, options.config.http);
  stops.push(() => server.close());
  stops.push(() => bell.close());

  const slackConfig = { ...options.config.slack, ...(sandboxed ? sandboxSlack(url) : {}) };
  const slack = createSlackClient(slackConfig.botToken ?? '', slackConfig.apiUrl);
  const asking = createSlackClient(slackConfig.botToken ?? '', slackConfig.apiUrl, PEOPLE_TIMEOUT_MS);
  const targets = startTargets(named, log, stops);
  let teamId: string | undefined;
  const deps: IncidentDeps = {
    db,
    services: named,
    targets: (id) => targets.get(id) ?? {},
    bell,
    people: slackPeople(asking, () => teamId, slackConfig.approversCache),
    ...(gameday && { gameday }),
    metrics,
    log,
  };
  const workers = startWorkers(backend, deps);
  stops.push(() => workers.close());
  const keeper = startKeepingBaselines(deps);
  stops.push(() => keeper.stop());
  const alertDrain = alerts.start(deps);
  stops.push(() => alertDrain.stop());
  const publisher = startPublisher({ db, services: named, slack, log });
  posting.publisher = publisher;
  stops.push(() => publisher.stop());
  if (gameday) {
    const referee = startReferee(deps, gameday);
    stops.push(() => referee.stop());
  }

  progress('slack', sandboxed ? 'the workspace in your browser' : slackConfig.apiUrl);
  const identity = await identify(slack, log, signal);
  teamId = identity.teamId;
  const connection = await connectSlack(slackConfig, identity, deps, signal);
  httpSlack.connection = connection;
  stops.push(() => connection.stop());
  return url;
}

/** No Slack token: the workspace in the browser, and without a configuration file also DebtFlow. */
async function openSandbox(
  server: FastifyInstance,
  options: AppOptions,
  stateDir: string,
  beside: Stop[],
): Promise<{ services: Config['services']; gameday?: GamedayRange }> {
  const { startSandbox } = await import('../sandbox/sandbox.ts');
  const sandbox = await startSandbox(server, {
    stateDir,
    debtflow: options.config.services === undefined,
    log: (line) => options.log.info({ line }, 'sandbox'),
    progress: options.progress,
  });
  beside.push(() => sandbox.close());
  if (options.config.services) return { services: options.config.services };
  if (!sandbox.debtflow) throw new BotError('internal', 'starting DebtFlow');
  const services = sandboxServices(sandbox.debtflow);
  // So that `latency-bot diagnose --config` can look at the same DebtFlow from another terminal, and alerts be sent.
  const { alerts } = options.config;
  await writeFile(join(stateDir, 'sandbox.yml'), stringify({ services, alerts }), { mode: 0o600 });
  const { gamedayRange } = await import('../sandbox/debtflow/gameday.ts');
  return {
    services: parseConfig({ services }, {}, 'the sandbox').services,
    gameday: gamedayRange(sandbox.debtflow),
  };
}

function noServices(): never {
  throw new BotError(
    'config-invalid',
    'a Slack token is set but no service is configured: copy latency-bot.example.yml to latency-bot.yml',
  );
}

function startTargets(
  services: ReadonlyMap<string, NamedService>,
  log: Logger,
  stops: Stop[],
): Map<string, OpenTargets> {
  const targets = new Map<string, OpenTargets>();
  for (const service of services.values()) {
    const opened = openTargets(service, log.child({ service: service.id }));
    opened.start();
    targets.set(service.id, opened);
    stops.push(() => opened.close());
  }
  return targets;
}

/** Slack over HTTP: the raw request goes to Bolt, which checks the signature over the raw bytes. */
function mountSlackEvents(server: FastifyInstance, slack: { connection: SlackConnection | null }): void {
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.post('/slack/events', (request, reply) => {
      const receiver = slack.connection?.http;
      if (!receiver) return reply.code(503).send({ ok: false, error: 'Slack is not connected over HTTP' });
      reply.hijack();
      receiver.requestListener(request.raw, reply.raw);
      return reply;
    });
  });
}

function assertConnected(connection: SlackConnection | null): void {
  if (!connection?.connected()) throw new Error('not connected');
}

function assertPosting(publisher: Publisher | null): void {
  const trouble = publisher?.trouble();
  if (trouble) throw new Error(trouble);
}
