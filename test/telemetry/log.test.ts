import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Config } from '../../src/config/schema.ts';
import { BotError } from '../../src/errors.ts';
import { createLog, withoutSecrets } from '../../src/telemetry/log.ts';

/** What was written, line by line. */
function logged(work: (log: ReturnType<typeof createLog>) => void, level = 'trace'): string[] {
  const written: string[] = [];
  work(createLog({ level, write: (line) => void written.push(line) }));
  return written;
}

const SECRET = 'hunter2hunter2';
const HOLDERS: [string, string][] = [
  ['a PostgreSQL URL', `postgres://probe:${SECRET}@db.internal:5432/debtflow`],
  ['a password with an unescaped @', `postgres://probe:a@${SECRET}@db.internal/debtflow`],
  ['a password with a slash', `postgres://probe:a/${SECRET}@db.internal/debtflow`],
  ['a Redis URL without a user', `redis://:${SECRET}@cache:6379/0`],
  ['two URLs in one text', `postgres://a:${SECRET}@h and redis://:${SECRET}@h`],
  ['a bot token', `xoxb-1234567890-${SECRET}`],
  ['a user token', `xoxp-1-${SECRET}`],
  ['a rotated token', `xoxe.xoxb-1-${SECRET}`],
  ['an app token', `xapp-1-A0-123-${SECRET}`],
  ['a bearer header', `authorization: bearer ${SECRET}abc.def`],
  ['a basic header', `Authorization: Basic ${SECRET}==`],
  ['a response URL', `https://hooks.slack.com/actions/T1/2/${SECRET}`],
  ['a signed token', `eyJhbGciOiJIUzI1NiJ9.${SECRET}.${SECRET}`],
  ['a key', `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET}\n-----END OPENSSH PRIVATE KEY-----`],
  ['a key cut off', `-----BEGIN PRIVATE KEY-----\n${SECRET}\n`],
  ['a connection string', `host=db user=probe password=${SECRET} dbname=x`],
  ['a quoted password', `password="x ${SECRET}" sslmode=require`],
  ['a query string', `https://h/x?access_token=${SECRET}&a=1`],
];

test.each(HOLDERS)('%s is printed nowhere: message, stack, cause, field, deep inside', (_, text) => {
  const error = new BotError('target-unreachable', `cannot reach ${text}`, {
    cause: new Error(`because ${text}`),
  });
  const lines = logged((log) => {
    log.info(text);
    log.error({ err: error }, 'probing');
    log.warn({ url: text, deep: { list: [{ text }] } }, `at ${text}`);
    log.child({ binding: text }).info('child');
  });
  expect(lines).toHaveLength(4);
  for (const line of lines) {
    expect(line).not.toContain(SECRET);
    expect(() => JSON.parse(line)).not.toThrow();
  }
});

test('no configuration object prints its secrets', () => {
  const config = Config.parse({
    slack: { botToken: `xoxb-${SECRET}`, appToken: `xapp-${SECRET}`, signingSecret: SECRET },
    store: { databaseUrl: `postgres://u:${SECRET}@h/d` },
    queue: { redisUrl: `redis://:${SECRET}@h` },
    services: {
      api: {
        title: 'API',
        channel: 'C012AB3CD',
        targets: {
          postgres: { url: `postgres://u:${SECRET}@h/d`, actionUrl: `postgres://v:${SECRET}@h/d` },
          prometheus: { url: 'http://p', bearerToken: SECRET },
        },
      },
    },
  });
  const lines = logged((log) => {
    log.info({ config }, 'starting');
    log.info({ deeper: { and: { deeper: config } } }, JSON.stringify(config));
  });
  expect(lines.join('')).not.toContain(SECRET);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ config: { services: { api: { title: 'API' } } } });
});

test('what is no secret stays', () => {
  const text =
    '{"durationMs":12,"tokens":3,"url":"http://127.0.0.1:8080/metrics","at":"C012AB3CD","user":"a@b.example"}';
  expect(withoutSecrets(text)).toBe(text);
});

test('a text cannot make a second line, whatever is in it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\n', '\r\n', '\u2028', '\n{"level":"fatal"}\n'),
      (text, breaking) => {
        const hostile = `${text}${breaking}${text}`;
        const lines = logged((log) => {
          log.info({ field: hostile, err: new Error(hostile), [hostile]: 1 }, hostile);
        });
        expect(lines).toHaveLength(1);
        expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
        const parsed = JSON.parse(lines[0] ?? '') as { level: string; msg: string };
        expect(parsed.level).toBe('info');
        expect(parsed.msg).toBe(withoutSecrets(hostile));
      },
    ),
    { numRuns: 300 },
  );
});

test('lines have a level in words and a time, and lower levels are silent', () => {
  const lines = logged((log) => {
    log.debug('no');
    log.warn({ incidentId: 3 }, 'yes');
  }, 'info');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    incidentId: 3,
    msg: 'yes',
  });
});

test('looking for secrets takes linear time', () => {
  for (const piece of [
    '://a:',
    '"token',
    'password=',
    '-----BEGIN A-----',
    'xoxb-',
    'eyJaaaaaaaaa.',
    '\\"',
    'a',
  ]) {
    const text = piece.repeat(Math.ceil(64_000 / piece.length));
    const begin = performance.now();
    withoutSecrets(text);
    expect({ piece, fast: performance.now() - begin < 400 }).toEqual({ piece, fast: true });
  }
});
