import { expect, test } from 'vitest';
import { connectionPool } from '../../src/probes/connection-pool.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

test('counts the slots of the server and says who holds them', () =>
  withTestDatabase(async (database) => {
    await database.query(`alter role ${database.appRole} connection limit 7`);
    for (let i = 0; i < 5; i += 1) await database.openSession('gunicorn');
    const idle = await database.openSession('celery');
    await idle.query('begin');
    const service = serviceOn(database);
    const report = await withTargets(service, (targets) => reportOf(connectionPool, service, targets));
    expect(report).toMatchObject({ maxConnections: 100, reserved: 3, usable: 97 });
    expect(report.used).toBeGreaterThanOrEqual(7);
    expect(report.usedRatio).toBeCloseTo(report.used / 97);
    expect(report.byRole[database.appRole]).toBe(6);
    const mine = report.groups.filter(({ role }) => role === database.appRole);
    expect(mine).toEqual([
      expect.objectContaining({ application: 'gunicorn', state: 'idle', count: 5, client: '127.0.0.1' }),
      expect.objectContaining({ application: 'celery', state: 'idle in transaction', count: 1 }),
    ]);
    expect(mine[1]?.oldestXactMs).toBeGreaterThan(0);
    expect(report.limits).toContainEqual({ kind: 'role', name: database.appRole, limit: 7, used: 6 });
  }));
