import { noBrake } from './brake-role.ts';
import { asProbe } from './index-look.ts';
import type { Look, Mitigation } from './mitigation.ts';
import {
  changeSetting,
  RoleDryRun,
  RoleSetting,
  roleNow,
  SETTING_MS,
  verifySetting,
} from './role-setting.ts';

/** Takes a brake back: exactly the setting that the role had before, or none. */
export const releaseRole: Mitigation<RoleSetting, RoleDryRun> = {
  kind: 'release-role',
  verb: 'Release',
  risk: 'low',
  undo: 'The brake can be offered again by a fresh diagnosis.',
  budget: 'settings',
  executeMs: SETTING_MS,
  unavailable: noBrake,
  target: RoleSetting,
  dryRun: RoleDryRun,
  describe: ({ role, from, to }) =>
    `statement_timeout of the role ${role}: ${to ?? 'none of its own'} as before, instead of ${from ?? 'none'}`,
  describeDryRun: () => [
    'New sessions have what they had before; those that are open keep what they began with.',
  ],

  async look(target, context): Promise<Look<RoleDryRun>> {
    const now = await roleNow(asProbe(context), target, context);
    if ('reason' in now) return { state: 'changed', reason: now.reason };
    const { sessions, busySessions } = now;
    return { state: 'same', dryRun: { sessions, busySessions, forMs: null } };
  },

  execute: (target, context) => changeSetting(target, context, {}),
  verify: verifySetting,
};
