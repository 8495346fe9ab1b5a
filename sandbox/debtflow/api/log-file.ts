import { appendFileSync, renameSync, statSync } from 'node:fs';

const MAX_BYTES = 5 * 1024 * 1024;

/** Gunicorn's log: error lines and access lines in one file, of which at most two generations of 5 MB are kept. */
export interface LogFile {
  error(level: 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL', message: string): void;
  access(line: string): void;
}

export function openLogFile(path: string): LogFile {
  let bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;

  function write(line: string): void {
    if (bytes > MAX_BYTES) {
      renameSync(path, `${path}.1`);
      bytes = 0;
    }
    appendFileSync(path, `${line}\n`);
    bytes += line.length + 1;
  }
  return {
    error(level, message) {
      const at = new Date().toISOString();
      write(`[${at.slice(0, 10)} ${at.slice(11, 19)} +0000] [${process.pid}] [${level}] ${message}`);
    },
    access: write,
  };
}
