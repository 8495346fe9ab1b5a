import type { NamedService } from '../config/schema.ts';
import { asProbe } from './index-look.ts';
import type { Look, Mitigation, Verification } from './mitigation.ts';
import {
  changeSetting,
  RoleDryRun,
  RoleSetting,
  roleNow,
  SETTING_MS,
  verifySetting,
} from './role-setting.ts';
import { noSignals } from './signal.ts';
import { age } from './words.ts';

/** Gives the new sessions of a role a short statement_timeout, for a while. */
export const brakeRole: Mitigation<RoleSetting, RoleDryRun> = {
  kind: 'brake-role',
  verb: 'Brake',
  risk: 'high',
  undo: 'The former value comes back by itself after mitigations.brakeFor, or before by an undo.',
  budget: 'settings',
  executeMs: SETTING_MS,
  unavailable: noBrake,
  target: RoleSetting,
  dryRun: RoleDryRun,
  describe: ({ role, to, from }) =>
    `statement_timeout ${to ?? 'not set'} for the role ${role} (${from === null ? 'it has none of its own now' : `now ${from}`})`,
  describeDryRun,

  async look(target, context): Promise<Look<RoleDryRun>> {
    const now = await roleNow(asProbe(context), target, context);
    if ('reason' in now) return { state: 'changed', reason: now.reason };
    const { sessions, busySessions } = now;
    return { state: 'same', dryRun: { sessions, busySessions, forMs: context.service.mitigations.brakeFor } };
  },

  execute(target, context) {
    const until = new Date(Date.now() + context.service.mitigations.brakeFor).toISOString();
    return changeSetting(target, context, { until });
  },

  async verify(target, context): Promise<Verification> {
    const seen = await verifySetting(target, context);
    // After a crash nobody knows when it began: counted from now it is taken back late, but it is.
    const until = new Date(Date.now() + context.service.mitigations.brakeFor).toISOString();
    return seen.effect === 'took-place' ? { ...seen, did: { until } } : seen;
  },

  reverse({ role, database, from, to }) {
    const back = from === null ? 'as it was: none of its own' : `${from} again`;
    return {
      kind: 'release-role',
      title: `Release the role ${role}: statement_timeout ${back}`,
      risk: 'low',
      target: { role, database, from: to, to: from },
      dryRun: { sessions: null, busySessions: null, forMs: null },
    };
  },
};

/** Why no role of this service can be braked; null when one can. */
export function noBrake(service: NamedService): string | null {
  const reason = noSignals(service);
  if (reason !== null) return reason;
  return service.mitigations.brakeRoles.length > 0
    ? null
    : 'no role may be braked: name those that may in mitigations.brakeRoles (docs/permissions.md)';
}

function describeDryRun({ sessions, busySessions, forMs }: RoleDryRun): string[] {
  const open =
    sessions === null
      ? 'Only new sessions feel it; those that are open keep what they began with.'
      : `Only new sessions feel it: ${sessions} are open (${busySessions ?? 0} busy) and keep what they began with.`;
  return [
    'Statements that take longer end with an error (57014), also those that are right.',
    open,
    ...(forMs === null ? [] : [`The former value comes back after ${age(forMs)}.`]),
  ];
}
