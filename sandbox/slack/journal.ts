import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

/** A map that is on disk as soon as a change of it returns. */
export interface Table<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  entries(): [string, T][];
  values(): T[];
  readonly size: number;
}

/** Named tables in one append-only file of JSON lines. */
export interface Journal {
  table<T>(name: string): Table<T>;
  close(): void;
}

const Line = z.object({ t: z.string(), k: z.string(), v: z.unknown().optional() });
type Tables = Map<string, Map<string, unknown>>;

/** Below this many bytes a rewrite saves nothing. */
const COMPACT_ABOVE_BYTES = 64 * 1024 * 1024;

/** Writes a line, then applies it to the table it belongs to. */
type Commit = (line: string, apply: () => void) => void;

/** Reads what the file holds, compacts it, and appends from there on. */
export function openJournal(path: string, compactAboveBytes = COMPACT_ABOVE_BYTES): Journal {
  mkdirSync(dirname(path), { recursive: true });
  const tables = existsSync(path) ? readTables(path) : new Map<string, Map<string, unknown>>();
  let base = rewrite(path, tables);
  let bytes = base;
  let file = openSync(path, 'a');
  let closed = false;

  const commit: Commit = (line, apply) => {
    if (closed) throw new Error('writing to the workspace: it is closed');
    // A plain write is in the kernel when it returns: it survives a kill of this process, and needs no fsync.
    writeFileSync(file, line);
    apply();
    bytes += Buffer.byteLength(line);
    if (bytes < compactAboveBytes || bytes < 2 * base) return;
    closeSync(file);
    base = rewrite(path, tables);
    bytes = base;
    file = openSync(path, 'a');
  };

  return {
    table: <T>(name: string) => {
      const rows = tables.get(name) ?? new Map<string, unknown>();
      tables.set(name, rows);
      return openTable<T>(name, rows, commit);
    },
    close: () => {
      closed = true;
      closeSync(file);
    },
  };
}

function openTable<T>(name: string, rows: Map<string, unknown>, commit: Commit): Table<T> {
  // This process alone writes the file, through this type.
  const typed = rows as Map<string, T>;
  return {
    get: (key) => typed.get(key),
    set: (key, value) => commit(lineOf(name, key, value), () => typed.set(key, value)),
    delete: (key) => {
      if (typed.has(key)) commit(lineOf(name, key, undefined), () => typed.delete(key));
    },
    entries: () => [...typed.entries()],
    values: () => [...typed.values()],
    get size() {
      return typed.size;
    },
  };
}

function lineOf(t: string, k: string, v: unknown): string {
  return `${JSON.stringify({ t, k, v })}\n`;
}

function readTables(path: string): Tables {
  const tables: Tables = new Map();
  const lines = readFileSync(path, 'utf8').split('\n');
  // After the last newline there is nothing, or the part of a line that a kill cut off.
  lines.pop();
  for (const [index, text] of lines.entries()) {
    const { t, k, v } = parseLine(text, path, index + 1);
    const rows = tables.get(t) ?? new Map<string, unknown>();
    tables.set(t, rows);
    if (v === undefined) rows.delete(k);
    else rows.set(k, v);
  }
  return tables;
}

function parseLine(text: string, path: string, number: number): z.infer<typeof Line> {
  try {
    return Line.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`reading the workspace: line ${number} of ${path} is damaged`, { cause });
  }
}

function rewrite(path: string, tables: Tables): number {
  const next = `${path}.next`;
  const file = openSync(next, 'w');
  let bytes = 0;
  for (const [name, rows] of tables) {
    for (const [key, value] of rows) {
      const line = lineOf(name, key, value);
      writeFileSync(file, line);
      bytes += Buffer.byteLength(line);
    }
  }
  fsyncSync(file);
  closeSync(file);
  renameSync(next, path);
  return bytes;
}
