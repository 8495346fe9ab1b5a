import { z } from 'zod';
import { duration, SlackUserGroup } from './values.ts';

const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day such as 22:00');

const TimeZone = z.string().refine(isTimeZone, 'expected an IANA time zone such as Europe/Berlin');

/** Hours in which nobody is reminded of anything. */
export const QuietHours = z.strictObject({
  from: TimeOfDay.describe('Begin, in that zone.'),
  to: TimeOfDay.describe('End; earlier than the begin when the night is between them.'),
  zone: TimeZone.describe('IANA time zone of these hours.'),
});
export type QuietHours = z.infer<typeof QuietHours>;

/** How an incident of a service lives: who is called, when it is over, what people are reminded of. */
export const IncidentLife = z
  .strictObject({
    onCallGroup: SlackUserGroup.optional().describe(
      'User group that is mentioned in the thread, once per incident, when the incident is P1.',
    ),
    resolveAfter: duration('10m', 1_000, 86_400_000).describe(
      'A watched incident is resolved when p95 stayed within its objective for this long.',
    ),
    unownedAfter: duration('10m', 10_000, 86_400_000).describe(
      'An open incident that nobody leads after this long is reminded of.',
    ),
    reportAfter: duration('24h', 60_000, 604_800_000).describe(
      'A resolved incident whose report nobody has opened after this long is reminded of.',
    ),
    remindEvery: duration('4h', 60_000, 604_800_000).describe(
      'At most one reminder of a kind per this long.',
    ),
    quietHours: QuietHours.optional().describe('Hours without reminders.'),
  })
  .prefault({});

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
