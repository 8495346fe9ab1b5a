import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';

// What must never be printed, wherever it hides: an error's message, a stack, a URL in a field. Exact redact paths
// miss all of those, so the finished line is filtered.
const SECRETS: [RegExp, string][] = [
  // Up to the last @ before a blank: an unescaped @ belongs to the password. Redis URLs have no user. The lengths are
  // bounded, so that a hostile line costs linear time.
  [/(:\/\/[^:@/\s"\\]{0,100}):(?:[^\s"\\]|\\\\){0,300}@/g, '$1:***@'],
  [/\bxox[abeoprs][.-][A-Za-z0-9.-]+/g, 'xox*-***'],
  [/\bxapp-[A-Za-z0-9-]+/g, 'xapp-***'],
  [/(hooks\.slack\.com\/[a-z]+)\/[A-Za-z0-9/_-]+/g, '$1/***'],
  [/\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}/gi, '$1 ***'],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, '*** token ***'],
  [/-----BEGIN [A-Z ]+-----(?:(?!-----END)[^"])*(?:-----END [A-Z ]+-----)?/g, '*** key ***'],
  // A field whose name says it, also in JSON inside a text; only text, so that the line stays JSON.
  [/("[^"\\]{0,60}(?:password|passwd|secret|token|api_?key)[^"\\]{0,60}":)"(?:[^"\\]|\\.)*"/gi, '$1"***"'],
  [
    /(\\"[^"\\]{0,60}(?:password|passwd|secret|token|api_?key)[^"\\]{0,60}\\":)\\"(?:(?!\\").)*\\"/gi,
    '$1\\"***\\"',
  ],
  [
    /\b(\w{0,60}(?:password|passwd|secret|token|api_?key)=)(?:\\"(?:(?!\\").){0,300}\\"|[^\s"&,;\\]+)/gi,
    '$1***',
  ],
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
