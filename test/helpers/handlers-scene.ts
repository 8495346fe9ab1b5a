import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { NamedService } from '../../src/config/schema.ts';
import { Config } from '../../src/config/schema.ts';
import { connectSlack, identify, type SlackConnection } from '../../src/handlers/connect-slack.ts';
import { slackPeople } from '../../src/handlers/people.ts';
import type { IncidentDeps } from '../../src/incidents/deps.ts';
import { APP_TOKEN, BOT_TOKEN, openTestSlack, type TestSlack } from './slack-workspace.ts';
import { testService } from './test-service.ts';
import { openTestStore } from './test-store.ts';

export interface HandlersScene {
  slack: TestSlack;
  deps: IncidentDeps;
  /** Runs whose bell rang. */
  rung: number[];
  connect(config?: Partial<Config['slack']>, overrides?: Partial<IncidentDeps>): Promise<SlackConnection>;
}

/** The bot's listeners as the product connects them, on a stand-in workspace and a store; probes do not run. */
export async function openHandlersScene(): Promise<HandlersScene> {
  const slack = await openTestSlack();
  const store = await openTestStore();
  const stops: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    slack.sandbox.failures.clear();
    await Promise.all(stops.map((stop) => stop()));
    await slack.close();
    await store.close();
  });
  const approvals = { requesters: ['SONCALL'], approvers: ['SAPPROVERS'] };
  const targets = { postgres: { url: 'postgres://127.0.0.1:1/x', actionUrl: 'postgres://127.0.0.1:1/x' } };
  const make = (id: string, title: string, channel: string): [string, NamedService] => [
    id,
    { ...testService({ title, channel, approvals, targets }), id },
  ];
  const rung: number[] = [];
  let teamId: string | undefined;
  const deps: IncidentDeps = {
    db: store.db,
    services: new Map([make('api', 'DebtFlow API', 'CINCIDENTS'), make('billing', 'Billing', 'CDEBTFLOW')]),
    targets: () => ({}),
    bell: { run: async (id) => void rung.push(id), action: async () => undefined },
    people: slackPeople(slack.client(1_500), () => teamId, 0),
    log: pino({ level: 'silent' }),
  };
  return {
    slack,
    deps,
    rung,
    async connect(config = {}, overrides = {}) {
      const input = { botToken: BOT_TOKEN, appToken: APP_TOKEN, apiUrl: slack.apiUrl };
      const settings = { ...Config.shape.slack.parse(input), ...config };
      const log = pino({ level: 'silent' });
      const identity = await identify(slack.client(), log, new AbortController().signal);
      teamId = identity.teamId;
      const connection = await connectSlack(settings, identity, { ...deps, ...overrides });
      stops.push(() => connection.stop());
      return connection;
    },
  };
}
