import { randomBytes } from 'node:crypto';
import { Service } from '../../src/config/schema.ts';
import type { Bell, IncidentDeps, People } from '../../src/incidents/deps.ts';
import { openIncident } from '../../src/incidents/open-incident.ts';
import { type Database, migrate, openDatabase } from '../../src/store/database.ts';
import type { Incident } from '../../src/store/incidents.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';

/** Slack's directory: knows who was added, and answers only about the groups it was asked for. */
export interface Directory extends People {
  add(userId: string, groups?: string[], fullMember?: boolean): void;
  /** Takes somebody out of all groups. */
  demote(userId: string): void;
  /** While true, Slack does not answer. */
  down: boolean;
}

/** A queue that only notes what was rung. */
export interface NotedBell extends Bell {
  runs: { runId: number; ring: number; probeIds: string[] }[];
  actions: number[];
  /** While true, ringing fails as it does without a queue server. */
  down: boolean;
}

export interface World {
  deps: IncidentDeps;
  db: Database;
  store: TestDatabase;
  /** The database of the diagnosed service. */
  app: TestDatabase;
  people: Directory;
  bell: NotedBell;
  /** Configures one more service on the diagnosed database; overrides are merged into its section of the file. */
  addService(overrides?: Record<string, unknown>): string;
  /** A new service with an open incident. */
  openIncident(overrides?: Record<string, unknown>): Promise<Incident>;
  close(): Promise<void>;
}

export const ASKER = 'UASKER';
export const APPROVER = 'UBOSS';
export const APPROVERS = 'SAPPROVERS';

/** A migrated store, a diagnosed database, people and a bell: everything that the domain needs of the outside. */
export async function createWorld(): Promise<World> {
  const [store, app] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  const db = await openDatabase(store.appUrl, () => undefined); // servers stay up: the failing query tells
  await migrate(db, () => undefined);
  const people = createDirectory();
  const bell = createBell();
  people.add(ASKER);
  people.add(APPROVER, [APPROVERS]);

  const targets = openTargets(serviceOf(app, {}), undefined);
  const services: Map<string, ReturnType<typeof serviceOf>> = new Map();
  const deps: IncidentDeps = {
    db,
    services,
    targets: () => targets,
    bell,
    people,
    log: createLog({ level: 'silent' }),
  };
  const addService = (overrides: Record<string, unknown> = {}) => {
    const service = serviceOf(app, overrides);
    services.set(service.id, service);
    return service.id;
  };
  return {
    ...{ deps, db, store, app, people, bell, addService },
    async openIncident(overrides) {
      const { incident } = await openIncident(deps, triggerOf(addService(overrides)));
      return incident;
    },
    async close() {
      await targets.close();
      await db.close();
      await Promise.all([store.close(), app.close()]);
    },
  };
}

export function triggerOf(service: string, actor: string | null = ASKER) {
  return { service, channel: 'C1', source: 'slash-command', title: 'it is slow', actor };
}

function serviceOf(app: TestDatabase, overrides: Record<string, unknown>) {
  const id = `api-${randomBytes(4).toString('hex')}`;
  const service = Service.parse({
    title: 'DebtFlow API',
    channel: 'C1',
    window: '1s',
    targets: { postgres: { url: app.probeUrl, actionUrl: app.actionUrl } },
    approvals: { approvers: [APPROVERS] },
    ...overrides,
  });
  return { ...service, id };
}

function createDirectory(): Directory {
  const known = new Map<string, { groups: string[]; fullMember: boolean }>();
  const directory: Directory = {
    down: false,
    add(userId, groups = [], fullMember = true) {
      known.set(userId, { groups, fullMember });
    },
    demote(userId) {
      known.set(userId, { groups: [], fullMember: true });
    },
    async lookUp(userId, groupIds) {
      if (directory.down) throw new Error('slack does not answer');
      const person = known.get(userId);
      if (!person) throw new Error(`user_not_found: ${userId}`);
      const groups = person.groups.filter((group) => groupIds.includes(group));
      return { userId, fullMember: person.fullMember, groups };
    },
  };
  return directory;
}

function createBell(): NotedBell {
  const bell: NotedBell = {
    runs: [],
    actions: [],
    down: false,
    async run(runId, ring, probeIds) {
      if (bell.down) throw new Error('the queue does not answer');
      // A queue drops a job whose id it knows: a second ring with the same number would be lost.
      const again = bell.runs.some((rung) => rung.runId === runId && rung.ring === ring);
      if (again) throw new Error(`run ${runId} was rung twice with number ${ring}`);
      bell.runs.push({ runId, ring, probeIds });
    },
    async action(mitigationId) {
      if (bell.down) throw new Error('the queue does not answer');
      bell.actions.push(mitigationId);
    },
  };
  return bell;
}
