const DAY_MS = 86_400_000;

/** The moment a Slack `ts` stands for. */
export function dateOfTs(ts: string): Date {
  return new Date(Number(ts) * 1000);
}

/** Hours and minutes in the reader's zone. */
export function clock(date: Date): string {
  return date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
}

/** The full date and time in the reader's zone, with the zone. */
export function fullDate(date: Date): string {
  return date.toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'long' });
}

/** “Today”, “Yesterday” or the date, as a heading above the messages of a day. */
export function dayName(date: Date, now = new Date()): string {
  return (
    pretty(date, now) ??
    date.toLocaleDateString(undefined, { weekday: 'long', month: 'long', day: 'numeric' })
  );
}

function pretty(date: Date, now: Date): string | null {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const days = Math.floor((date.getTime() - midnight) / DAY_MS);
  return days === 0 ? 'Today' : days === -1 ? 'Yesterday' : days === 1 ? 'Tomorrow' : null;
}

function ago(date: Date, now: Date): string {
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000);
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
  const size = Math.abs(seconds);
  if (size < 60) return format.format(seconds, 'second');
  if (size < 3600) return format.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return format.format(Math.round(seconds / 3600), 'hour');
  return format.format(Math.round(seconds / 86_400), 'day');
}

/** Slack's date tokens (`{date_short} {time}` …) filled in for the reader's zone and language. */
export function slackDate(timestamp: number, format: string, now = new Date()): string {
  const date = new Date(timestamp * 1000);
  const on = (options: Intl.DateTimeFormatOptions): string => date.toLocaleDateString(undefined, options);
  const long = (): string => on({ year: 'numeric', month: 'long', day: 'numeric' });
  const full = (): string => on({ weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });
  const short = (): string => on({ year: 'numeric', month: 'short', day: 'numeric' });
  const tokens: Record<string, () => string> = {
    date_num: () => on({ year: 'numeric', month: '2-digit', day: '2-digit' }),
    date_slash: () => on({ year: 'numeric', month: 'numeric', day: 'numeric' }),
    date: long,
    date_pretty: () => pretty(date, now) ?? long(),
    date_long: full,
    date_long_full: full,
    date_long_pretty: () => pretty(date, now) ?? full(),
    date_short: short,
    date_short_pretty: () => pretty(date, now) ?? short(),
    day_divider_pretty: () => dayName(date, now),
    time: () => clock(date),
    time_secs: () =>
      date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    ago: () => ago(date, now),
  };
  return format.replace(/\{(\w+)\}/g, (whole, token: string) => tokens[token]?.() ?? whole);
}
