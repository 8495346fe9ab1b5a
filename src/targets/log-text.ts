import { z } from 'zod';
import { BotError } from '../errors.ts';
import { sectionsOf } from './host-script.ts';

/** A line of a log, at most 4,096 characters of it: a limit for every pattern that reads it. */
export interface LogLine {
  text: string;
  /** From the journal; null where only the line itself may say when. */
  atMs: number | null;
}

export interface LogText {
  source: 'journal' | 'file';
  lines: LogLine[];
  /** Whether the log goes back further than what was read. */
  cut: boolean;
  /** The host's clock. */
  nowMs: number;
}

const MAX_LINE = 4_096;

/** Reads the script's answer to `log`, oldest line first. */
export function logTextOf(output: string): LogText {
  const sections = sectionsOf(output);
  const nowMs = Number((sections.get('now') ?? '').trim()) * 1_000;
  if (!Number.isFinite(nowMs) || nowMs === 0) {
    throw new BotError('target-protocol', 'the host broke off before its log');
  }
  const journal = sections.get('journal');
  if (journal !== undefined) return { source: 'journal', ...journalLines(journal), nowMs };
  const file = sections.get('file');
  if (file !== undefined) {
    const cut = Number(sections.get('size') ?? 0) > Buffer.byteLength(file);
    // The first line of a part is most likely half of one.
    const lines = file.split('\n').slice(cut ? 1 : 0);
    return { source: 'file', lines: lines.filter(Boolean).map((text) => line(text, null)), cut, nowMs };
  }
  throw unread(sections);
}

function unread(sections: Map<string, string>): BotError {
  if (sections.has('missing')) {
    return new BotError('not-configured', 'the log file of the API is not there: is its name right?');
  }
  if (sections.has('unreadable')) {
    return new BotError(
      'target-permission',
      'the log file of the API cannot be read: add the user that looks to its group (often adm)',
    );
  }
  return new BotError('not-configured', 'neither a log file nor a systemd unit of the API is configured');
}

const line = (text: string, atMs: number | null): LogLine => ({ text: text.slice(0, MAX_LINE), atMs });

// A message that is not UTF-8 is an array of bytes, one that is too long is null. systemd.journal-fields(7), journalctl(1)
const Entry = z.object({
  __REALTIME_TIMESTAMP: z.string(),
  MESSAGE: z.union([z.string(), z.array(z.int().min(0).max(255)), z.null()]).optional(),
});

/** journalctl was asked for the last 5,000 entries of ten minutes. */
const MAX_ENTRIES = 5_000;

function journalLines(text: string): Pick<LogText, 'lines' | 'cut'> {
  const rows = text.split('\n').filter(Boolean);
  const entries = rows.map(entryOf);
  const lines = entries.flatMap((entry) => {
    if (!entry) return [];
    const message = Array.isArray(entry.MESSAGE)
      ? Buffer.from(entry.MESSAGE).toString('utf8')
      : entry.MESSAGE;
    const atMs = Number(entry.__REALTIME_TIMESTAMP) / 1_000;
    return (message ?? '')
      .split('\n')
      .filter(Boolean)
      .map((part) => line(part, atMs));
  });
  return { lines, cut: rows.length >= MAX_ENTRIES || (rows.length > 0 && entries[0] === null) };
}

/** Null for a cut row: the part that was read may begin in the middle of one. */
function entryOf(row: string): z.infer<typeof Entry> | null {
  try {
    return Entry.safeParse(JSON.parse(row)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
