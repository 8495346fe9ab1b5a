import type { QuietHours } from '../config/incident-life.ts';

/** Whether this moment lies in the quiet hours, by the clocks of their zone. */
export function isQuiet(at: Date, quiet: QuietHours | undefined): boolean {
  if (!quiet) return false;
  const now = minutesOf(timeIn(quiet.zone, at));
  const [from, to] = [minutesOf(quiet.from), minutesOf(quiet.to)];
  // Over midnight the quiet hours are what is not between their end and their begin.
  return from <= to ? now >= from && now < to : now >= from || now < to;
}

function timeIn(timeZone: string, at: Date): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(at);
}

function minutesOf(time: string): number {
  const [hours = '0', minutes = '0'] = time.split(':');
  return Number(hours) * 60 + Number(minutes);
}
