import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadConfig } from '../config/load.ts';
import { environmentConfig } from '../config/sandbox.ts';
import { BotError } from '../errors.ts';
import { auditRows, type Head, verifyAudit } from '../store/audit.ts';
import type { AuditRow } from '../store/audit-chain.ts';
import type { Database } from '../store/database.ts';
import { openOwnStore } from './own-store.ts';

interface StoreOptions {
  config?: string;
  stateDir: string;
}

/** Exit code of a chain that does not hold. */
const BROKEN = 3;
const COLUMNS = ['seq', 'at', 'actor', 'kind', 'subject', 'body', 'prev', 'hash'] as const;

/** Says whether the audit log is whole, with its head, or where it breaks first and how. */
export async function auditVerifyCommand(options: StoreOptions & { anchor?: string }): Promise<void> {
  const anchor = options.anchor === undefined ? undefined : anchorOf(options.anchor);
  await withStore(options, async (db) => {
    const verified = await verifyAudit(db, anchor);
    if ('broken' in verified) {
      const { seq, why, detail } = verified.broken;
      process.stdout.write(`broken at entry ${seq} (${why}): ${detail}\n`);
      process.exitCode = BROKEN;
      return;
    }
    const { seq, hash } = verified.head;
    process.stdout.write(`intact: ${seq} entries, head ${seq}:${hash}\n`);
  });
}

/** Writes the audit log to standard output, an entry a line. */
export async function auditExportCommand(
  options: StoreOptions & { format: string; since?: string },
): Promise<void> {
  const line = FORMATS.get(options.format);
  if (!line) throw new BotError('config-invalid', `--format is ${[...FORMATS.keys()].join(' or ')}`);
  const since = options.since === undefined ? null : timeOf(options.since);
  await withStore(options, async (db) => {
    async function* lines() {
      if (options.format === 'csv') yield `${COLUMNS.join(',')}\r\n`;
      for await (const row of auditRows(db, since)) yield line?.(row);
    }
    await pipeline(Readable.from(lines()), process.stdout, { end: false });
  });
}

const FORMATS = new Map<string, (row: AuditRow) => string>([
  ['jsonl', (row) => `${JSON.stringify(shown(row))}\n`],
  ['csv', (row) => `${csvLine(COLUMNS.map((column) => String(shown(row)[column])))}\r\n`],
]);

/** The signed text stays as it was signed, so that whoever gets the export can check the chain. */
function shown(row: AuditRow): Record<(typeof COLUMNS)[number], string | number> {
  return { ...row, prev: row.prev.toString('hex'), hash: row.hash.toString('hex') };
}

/**
 * One line of RFC 4180, everything quoted. A cell that a spreadsheet would take for a formula begins with a quote:
 * https://owasp.org/www-community/attacks/CSV_Injection
 */
export function csvLine(cells: string[]): string {
  return cells
    .map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell))
    .map((cell) => `"${cell.replaceAll('"', '""')}"`)
    .join(',');
}

function anchorOf(text: string): Head {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{16,64})$/.exec(text) ?? [];
  if (!seq || !hash) {
    throw new BotError(
      'config-invalid',
      '--anchor is a head as `audit verify` prints it, such as 812:9f86d081884c7d65',
    );
  }
  return { seq: Number(seq), hash };
}

function timeOf(text: string): Date {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) {
    throw new BotError('config-invalid', `--since is a time such as 2026-11-23T00:00:00Z, not "${text}"`);
  }
  return at;
}

async function withStore(options: StoreOptions, work: (db: Database) => Promise<void>): Promise<void> {
  const config = options.config ? loadConfig(options.config, process.env) : environmentConfig(process.env);
  const db = await openOwnStore(config.store.databaseUrl, options.stateDir);
  try {
    await work(db);
  } finally {
    await db.close();
  }
}
