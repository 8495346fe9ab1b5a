import { vi } from 'vitest';
import type { NamedService } from '../../src/config/schema.ts';
import { openTargets, type Targets } from '../../src/targets/targets.ts';
import { fakeMetrics, listenOn } from './fake-api.ts';
import { type TestDatabase, type TestSession, withTestDatabase } from './test-database.ts';
import { serviceOn } from './test-service.ts';

const TABLES = `
  create table accounts_agency (id int primary key, name text not null);
  create table accounts_debtor (id int primary key, full_name text not null);
  create table accounts_account (
    id int primary key,
    agency_id int not null references accounts_agency,
    debtor_id int not null references accounts_debtor,
    status text not null
  );
  insert into accounts_agency select g, 'agency ' || g from generate_series(1, 50) g;
  insert into accounts_debtor select g, 'debtor ' || g from generate_series(1, 50) g;
  insert into accounts_account select g, g, 51 - g, 'new' from generate_series(1, 50) g;`;

const LIST = `
  select "accounts_account"."id", "accounts_account"."agency_id", "accounts_account"."debtor_id"
  from "accounts_account" where "accounts_account"."status" = $1 order by "accounts_account"."id" desc limit 50`;
const AGENCY =
  'select "accounts_agency"."name" from "accounts_agency" where "accounts_agency"."id" = $1 limit 21';
const DEBTOR =
  'select "accounts_debtor"."full_name" from "accounts_debtor" where "accounts_debtor"."id" = $1 limit 21';

export interface StatementsScene {
  database: TestDatabase;
  service: NamedService;
  targets: Targets;
  api: TestSession;
  /** Counts requests, as the API's /metrics page shows them. */
  serve(view: string, times: number, seconds?: number, status?: number): void;
  /** Lists a page of accounts, and the agency of every one with a statement of its own. */
  listLazily(relations?: { debtor?: boolean }): Promise<void>;
  /** Lists a page of accounts with one statement. */
  list(): Promise<void>;
  lookUpAgency(times: number): Promise<void>;
  /** Runs `load` once the first looks at PostgreSQL and at the metrics are done; resolves when it has been run. */
  within(load: () => Promise<void>): Promise<void>;
}

/** A database with accounts, their agencies and pg_stat_statements, and the metrics page of their API. */
export async function withStatements(
  work: (scene: StatementsScene) => Promise<void>,
  overrides: Record<string, unknown> = {},
): Promise<void> {
  await withTestDatabase(async (database) => {
    await database.query('create extension if not exists pg_stat_statements');
    const api = await database.openSession('api');
    await api.query(TABLES);
    const metrics = fakeMetrics();
    metrics.serve('account-list', 0.04);
    let scrapes = 0;
    const server = await listenOn((_request, response) => {
      scrapes += 1;
      response.end(metrics.text());
    });
    const service = serviceOn(database, {
      targets: { metrics: { url: `${server.url}/metrics` } },
      ...overrides,
    });
    const targets = openTargets(service);
    const list = async () => (await api.query<{ agency_id: number; debtor_id: number }>(LIST, ['new'])).rows;
    const scene: StatementsScene = {
      ...{ database, service, targets, api },
      serve: (view, times, seconds = 0.04, status = 200) => metrics.serve(view, seconds, times, status),
      async listLazily(relations = {}) {
        for (const { agency_id, debtor_id } of await list()) {
          await api.query(AGENCY, [agency_id]);
          if (relations.debtor) await api.query(DEBTOR, [debtor_id]);
        }
      },
      async list() {
        await list();
      },
      async lookUpAgency(times) {
        for (let i = 0; i < times; i += 1) await api.query(AGENCY, [1 + (i % 50)]);
      },
      async within(load) {
        const seen = scrapes;
        await vi.waitFor(
          () => (scrapes > seen ? undefined : Promise.reject(new Error('not scraped yet'))),
          5_000,
        );
        await firstReadDone(database);
        await load();
      },
    };
    try {
      await work(scene);
    } finally {
      await targets.close();
      await server.close();
    }
  });
}

/** Resolves when the probes have read the statements and wait for the window to end. */
export async function firstReadDone(database: TestDatabase): Promise<void> {
  await vi.waitFor(async () => {
    const { rowCount } = await database.query(
      `select 1 from pg_stat_activity
       where datname = current_database() and application_name = 'latency-bot:statements'
       and state = 'idle' and query like '%json_agg%'`,
    );
    if (rowCount === 0) throw new Error('the first read is not done');
  }, 5_000);
}
