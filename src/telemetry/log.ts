import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';

// What must never be printed, wherever it hides: an error's message, a stack, a URL in a field. Exact redact paths
// miss all of those, so the finished line is filtered.
const SECRETS: [RegExp, string][] = [
  [/(:\/\/[^:@/\s"]+):[^@/\s"]+@/g, '$1:***@'],
  [/\bxox[abeprs]-[A-Za-z0-9-]+/g, 'xox*-***'],
  [/\bxapp-[A-Za-z0-9-]+/g, 'xapp-***'],
  [/\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}/g, '$1 ***'],
  [/-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----/gs, '*** key ***'],
];

/** Takes tokens, passwords in URLs and keys out of a line. */
export function withoutSecrets(line: string): string {
  return SECRETS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}

export interface LogOptions {
  level: string;
  /** Where the lines go; standard output unless told. */
  write?: (line: string) => void;
}

/** The process's logger: one JSON object a line, without secrets. */
export function createLog(options: LogOptions): Logger {
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      write(withoutSecrets(chunk));
      done();
    },
  });
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}
