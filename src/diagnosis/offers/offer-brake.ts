import type { Session } from '../../targets/backend.ts';
import type { Facts } from '../facts.ts';
import type { Offer } from '../proposals.ts';
import { duration } from '../words.ts';

/** From so many of its sessions on, cancelling one by one does not keep up. */
const REPEATED = 2;

/**
 * Offers a short statement_timeout for roles that send the same long statement again and again. Only those that the
 * configuration lists: for every other role it is nothing that anybody has agreed to.
 */
export function offerBrake(sessions: readonly Session[], { service }: Facts): Offer[] {
  const { brakeRoles, brakeFor, brakeTimeout, neverTouchRoles } = service.mitigations;
  const roles = [...new Set(sessions.map(({ role }) => role))].filter(
    (role) => brakeRoles.includes(role) && !neverTouchRoles.includes(role),
  );
  return roles.flatMap((role) => {
    const own = sessions.filter((session) => session.role === role && !session.superuser);
    const [first] = own;
    if (!first || own.length < REPEATED) return [];
    const title = `Brake the role ${role}: statement_timeout ${duration(brakeTimeout)} for ${duration(brakeFor)}`;
    // Whether it has a value now only a look can tell: what is there then is refused, and said.
    const target = { role, database: first.database, from: null, to: `${brakeTimeout}ms` };
    const dryRun = { sessions: null, busySessions: own.length, forMs: brakeFor };
    return [{ proposal: { kind: 'brake-role', title, risk: 'high', target, dryRun } }];
  });
}
