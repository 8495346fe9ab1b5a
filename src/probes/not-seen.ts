import { z } from 'zod';

/** A part that a probe could not look at: what, why, and the line or setting that would help (null: nothing known). */
export const NotSeen = z.object({ what: z.string(), reason: z.string(), remedy: z.string().nullable() });
export type NotSeen = z.infer<typeof NotSeen>;
