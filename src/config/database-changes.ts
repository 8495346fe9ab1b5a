import { z } from 'zod';
import { duration } from './values.ts';

/** `targets.postgres.ownerRole`. A name of PostgreSQL has at most 63 bytes. */
export const OwnerRole = z
  .string()
  .min(1)
  .max(63)
  .optional()
  .describe(
    'Role that owns the tables. The role of `actionUrl` may become it (SET ROLE) for an index, ANALYZE or VACUUM. Without it no index is built or dropped.',
  );

const RoleName = z.string().min(1).max(63);

/** What bounds lasting changes of the database; part of `mitigations`. */
export const DATABASE_CHANGES = {
  indexBuildLimit: duration('2h', 1_000, 21_600_000).describe(
    'How long one index build may take; then it is cancelled and what it left is removed.',
  ),
  indexWait: duration('1m', 1_000, 3_600_000).describe(
    'No index is built while a transaction is open that is older than this and that the build would wait for.',
  ),
  maintenanceLimit: duration('30m', 1_000, 21_600_000).describe('How long one ANALYZE or VACUUM may take.'),
  brakeRoles: z
    .array(RoleName)
    .default([])
    .describe(
      'Roles that may be given a short statement_timeout for a while. The role of `actionUrl` needs CREATEROLE, and ADMIN on them.',
    ),
  brakeFor: duration('15m', 60_000, 86_400_000).describe('How long such a statement_timeout stays.'),
  brakeTimeout: duration('5s', 100, 600_000).describe('The statement_timeout itself.'),
};
