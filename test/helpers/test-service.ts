import { Config, type NamedService } from '../../src/config/schema.ts';
import type { TestDatabase } from './test-database.ts';

type ServiceInput = Record<string, unknown> & { targets?: Record<string, unknown> };

/** A service with the defaults of the configuration file; its window is short, because tests wait for it. */
export function testService(overrides: ServiceInput = {}): NamedService {
  const input = { title: 'Test', channel: 'C012AB3CD', window: 1_000, targets: {}, ...overrides };
  const service = Config.parse({ services: { test: input } }).services.test;
  if (!service) throw new Error('the configuration lost its service');
  return { ...service, id: 'test' };
}

/** A service whose PostgreSQL is this test database, and whose API is its owner. */
export function serviceOn(database: TestDatabase, overrides: ServiceInput = {}): NamedService {
  return testService({
    ...overrides,
    targets: {
      postgres: {
        url: database.probeUrl,
        actionUrl: database.actionUrl,
        applicationRoles: [database.appRole],
      },
      ...overrides.targets,
    },
  });
}
