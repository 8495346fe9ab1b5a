import type { Session } from '../targets/backend.ts';
import type { Facts } from './facts.ts';

const CELERY = /celery/i;

/** Roles that are Celery's and not the API's: their statements are its work alone. */
export function celeryRoles(facts: Facts): Set<string> {
  const api = new Set(facts.service.targets.postgres?.applicationRoles ?? []);
  const named = (facts.reports.celery?.sessions ?? []).filter(({ namedCelery }) => namedCelery);
  const seen = [
    ...named.map(({ role }) => role),
    ...(facts.reports['lock-tree']?.nodes ?? []).filter(isNamedCelery).map(({ role }) => role),
    ...(facts.reports['active-queries']?.sessions ?? []).filter(isNamedCelery).map(({ role }) => role),
    ...(facts.reports['top-statements']?.byRole ?? []).map(({ role }) => role).filter(isCeleryName),
  ];
  return new Set(seen.filter((role) => role !== '' && !api.has(role)));
}

/** Whether a session is Celery's: by its own name, or by that of its role. */
export const isNamedCelery = ({ application, role }: Pick<Session, 'application' | 'role'>): boolean =>
  isCeleryName(application) || isCeleryName(role);

const isCeleryName = (name: string): boolean => CELERY.test(name);
