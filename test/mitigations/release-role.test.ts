import { expect, test } from 'vitest';
import { releaseRole } from '../../src/mitigations/release-role.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

// That it brings back exactly what was there is proven with the brake that it belongs to.
test('does not overwrite what somebody has set meanwhile, and says when the right is missing', () =>
  withTestDatabase(async (database) => {
    const service = serviceOn(database, { mitigations: { brakeRoles: [database.appRole] } });
    const targets = openTargets(service);
    const context = { service, targets, signal: AbortSignal.timeout(15_000) };
    const target = { role: database.appRole, database: database.name, from: '5000ms', to: null };
    const inDatabase = `alter role ${database.appRole} in database ${database.name}`;
    await database.query(`${inDatabase} set statement_timeout = '9s'`);
    expect(await releaseRole.execute(target, context)).toEqual({
      effect: 'target-changed',
      reason: `statement_timeout of ${database.appRole} has been changed meanwhile: it is 9s and was 5000ms`,
    });
    await database.query(`${inDatabase} set statement_timeout = '5000ms'`);
    expect(await releaseRole.look(target, context)).toMatchObject({
      state: 'changed',
      reason: expect.stringContaining('it needs CREATEROLE, and ADMIN'),
    });
    expect(await releaseRole.verify(target, context)).toMatchObject({ effect: 'did-not-take-place' });
    expect(releaseRole.describe(target)).toContain('none of its own as before, instead of 5000ms');
    await targets.close();
  }));
