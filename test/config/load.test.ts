// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig, parseConfig } from '../../src/config/load.ts';

const dir = mkdtempSync(join(tmpdir(), 'latency-bot-config-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const minimal = { services: { api: { title: 'API', channel: 'C012AB3CD', targets: {} } } };
const inService = (values: Record<string, unknown>) => ({
  services: { api: { ...minimal.services.api, ...values } },
});

function problemsOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('no error was thrown');
}
const problems = (data: unknown, env: Record<string, string> = {}) =>
  problemsOf(() => parseConfig(data, env, 'latency-bot.yml'));

function file(text: string): string {
  const path = join(dir, `${Math.random().toString(36).slice(2)}.yml`);
  writeFileSync(path, text);
  return path;
}

describe('every kind of error says where, what was found and what is expected', () => {
  test.each<[string, unknown, string]>([
    [
      'a missing setting',
      { services: { api: { channel: 'C0', targets: {} } } },
      'services.api.title: found nothing, expected text',
    ],
    ['a wrong type', { ...minimal, http: { port: 'http' } }, 'http.port: found "http", expected a number'],
    ['a fraction', { ...minimal, http: { port: 80.5 } }, 'http.port: found 80.5, expected a whole number'],
    ['too large', { ...minimal, http: { port: 70_000 } }, 'http.port: found 70000, expected at most 65535'],
    [
      'an unknown word',
      { ...minimal, slack: { mode: 'fax' } },
      'slack.mode: found "fax", expected socket, http',
    ],
    ['a misspelt name', { ...minimal, slak: {} }, 'slak: unknown setting; remove it or check its spelling'],
    [
      'a misspelt name inside',
      inService({ chanel: 'C1' }),
      'services.api.chanel: unknown setting; remove it or check its spelling',
    ],
    [
      'a name of an earlier version',
      inService({ mitigations: { maxKillsPerIncident: 3 } }),
      'services.api.mitigations.maxKillsPerIncident: unknown setting; it is called limits.sessions now',
    ],
    [
      'text instead of settings',
      { services: 'api' },
      'services: found "api", expected settings (name: value)',
    ],
    ['no service', { services: {} }, 'services: found {}, expected at least one service'],
    [
      'a bad service id',
      { services: { 'My API': minimal.services.api } },
      'services.My API: found {"title":"API","channel":"C012AB3CD","targets":{}}, expected a service id in lower-case letters, digits and hyphens',
    ],
    [
      'a channel name',
      inService({ channel: '#incidents' }),
      'services.api.channel: found "#incidents", expected a Slack channel id such as C012AB3CD',
    ],
    [
      'a user name',
      inService({ approvals: { approvers: ['U1', 'amir'] } }),
      'services.api.approvals.approvers[1]: found "amir", expected a Slack user id such as U012AB3CD or a Slack user group id such as S012AB3CD',
    ],
    [
      'a bad duration',
      inService({ window: '3 sec' }),
      'services.api.window: found "3 sec", expected a duration such as 500ms, 30s, 5m or 1h',
    ],
    [
      'too short a duration',
      inService({ window: '10ms' }),
      'services.api.window: found "10ms", expected at least 1000 ms',
    ],
    [
      'the wrong database',
      inService({ targets: { postgres: { url: 'mysql://h/d' } } }),
      'services.api.targets.postgres.url: found a string (not shown), expected a PostgreSQL URL (postgres://… or postgresql://…)',
    ],
    [
      'too many links',
      inService({ links: Array.from({ length: 6 }, () => ({ title: 'a', url: 'http://a' })) }),
      'services.api.links: found a list (not shown), expected at most 5 entries',
    ],
    ['not settings at all', 'hello', 'the file: found "hello", expected settings (name: value)'],
  ])('%s', (_, data, expected) => {
    expect(problems(data)).toEqual([expected]);
  });

  test('all of them at once', () => {
    const found = problems({
      slack: { mode: 'fax' },
      http: { port: -1 },
      services: { api: { title: '', nope: 1 } },
    });
    expect(found.map((one) => one.split(':')[0])).toEqual(
      expect.arrayContaining([
        'slack.mode',
        'http.port',
        'services.api.title',
        'services.api.nope',
        'services.api.channel',
      ]),
    );
  });
});

describe('the environment', () => {
  const links = (url: string) => inService({ links: [{ title: 'Runbook', url }] });
  const urlOf = (url: string, env: Record<string, string>) =>
    parseConfig(links(url), env, 'f').services.api?.links[0]?.url;

  test('is put in place, within text and more than once', () => {
    expect(urlOf('https://${HOST}/${TEAM}/x', { HOST: 'h', TEAM: 't' })).toBe('https://h/t/x');
  });
  test('has fallbacks, also for what is empty', () => {
    expect(urlOf('https://${HOST:-h}', {})).toBe('https://h');
    expect(urlOf('https://${HOST:-h}', { HOST: '' })).toBe('https://h');
    expect(urlOf('https://${HOST:-h}', { HOST: 'other' })).toBe('https://other');
    expect(urlOf('https://h${PATH_PREFIX:-}', {})).toBe('https://h');
  });
  test('every variable that is not set is named, with its place', () => {
    expect(problems({ ...links('https://${A}${B}'), store: { databaseUrl: 'postgres://${C}' } })).toEqual([
      'services.api.links[0].url: the environment variable A is not set',
      'services.api.links[0].url: the environment variable B is not set',
      'store.databaseUrl: the environment variable C is not set',
    ]);
  });
  test('what a variable holds is not looked into again', () => {
    expect(urlOf('https://h/${A}', { A: '${B}', B: 'x' })).toBe('https://h/${B}');
  });
  test('some variables override the file', () => {
    const config = parseConfig(
      { ...minimal, http: { port: 1, host: '::1' }, slack: { botToken: 'xoxb-file' } },
      {
        SLACK_BOT_TOKEN: 'xoxb-env',
        SLACK_APP_TOKEN: 'xapp-env',
        SLACK_SIGNING_SECRET: '12345678',
        SLACK_API_URL: 'http://127.0.0.1/api/',
        DATABASE_URL: 'postgres://h/d',
        REDIS_URL: 'redis://h',
        PORT: '9',
        LOG_LEVEL: 'debug',
      },
      'f',
    );
    expect(config).toMatchObject({
      slack: {
        botToken: 'xoxb-env',
        appToken: 'xapp-env',
        signingSecret: '12345678',
        apiUrl: 'http://127.0.0.1/api/',
      },
      store: { databaseUrl: 'postgres://h/d' },
      queue: { redisUrl: 'redis://h' },
      http: { port: 9, host: '::1' },
      log: { level: 'debug' },
    });
  });
  test('the secrets of senders of alerts, also from files', () => {
    const secretFile = join(dir, 'token');
    writeFileSync(secretFile, 'from-the-file\n');
    const { alerts } = parseConfig(
      { ...minimal, alerts: { grafana: { token: 'from-the-yaml' }, generic: { token: 'from-the-yaml' } } },
      {
        SENTRY_CLIENT_SECRET: 'from-the-env',
        ALERTMANAGER_TOKEN_FILE: secretFile,
        GRAFANA_SECRET: 'from-the-env',
        ALERTS_TOKEN_FILE: secretFile,
        ALERTS_TOKEN: '',
      },
      'f',
    );
    expect(alerts).toMatchObject({
      sentry: { clientSecret: 'from-the-env' },
      alertmanager: { token: 'from-the-file' },
      grafana: { secret: 'from-the-env', token: 'from-the-yaml' },
      generic: { token: 'from-the-file' },
    });
    expect(problems(minimal, { SLACK_BOT_TOKEN_FILE: join(dir, 'none') })).toEqual([
      'SLACK_BOT_TOKEN_FILE: the file cannot be read (ENOENT)',
    ]);
  });
  test('a route to a service that there is not', () => {
    const routes = [{ service: 'api' }, { service: 'toString' }];
    expect(problems({ ...minimal, alerts: { routes, defaultService: 'other' } })).toEqual([
      'alerts.routes[1].service: there is no service with this id',
      'alerts.defaultService: there is no service with this id',
    ]);
  });
  test('an empty override does not count, a wrong one is an error', () => {
    expect(parseConfig({ ...minimal, log: { level: 'warn' } }, { LOG_LEVEL: '' }, 'f').log.level).toBe(
      'warn',
    );
    expect(problems(minimal, { PORT: 'many' })).toEqual(['http.port: found "many", expected a number']);
  });
});

describe('no secret is printed', () => {
  const secret = 'hunter2hunter2';
  test.each<[string, unknown]>([
    ['a token of the wrong kind', { ...minimal, slack: { botToken: `xoxp-${secret}` } }],
    ['a token in the place of its section', { ...minimal, slack: `xoxb-${secret}` }],
    ['a URL of the wrong kind', { ...minimal, store: { databaseUrl: `mysql://u:${secret}@h/d` } }],
    ['a list of URLs', inService({ targets: { postgres: [`postgres://u:${secret}@h/d`] } })],
    [
      'settings under a wrong id',
      { services: { 'A B': inService({ x: { password: secret } }).services.api } },
    ],
    ['a bearer token', inService({ targets: { prometheus: { url: 'http://h', bearerToken: [secret] } } })],
    ['a short signing secret', { ...minimal, slack: { signingSecret: 'hunter2' } }],
  ])('%s', (_, data) => {
    const found = problems(data).join('\n');
    expect(found).not.toContain('hunter2');
    expect(found).toMatch(/not shown/);
  });
  test('a file that cannot be parsed', () => {
    const path = file(`slack:\n  botToken: "xoxb-${secret}\n  appToken: [\n`);
    const found = problemsOf(() => loadConfig(path, {}));
    expect(found.join()).toMatch(/line \d+/);
    expect(found.join()).not.toContain(secret);
  });
});

describe('files', () => {
  test('a file that is missing, a folder, one that may not be read', () => {
    expect(problemsOf(() => loadConfig(join(dir, 'none.yml'), {}))).toEqual([
      'there is no such file; copy latency-bot.example.yml',
    ]);
    expect(problemsOf(() => loadConfig(dir, {}))).toEqual(['it cannot be read (EISDIR)']);
    const path = file('services: {}');
    chmodSync(path, 0o000);
    if (process.getuid?.() !== 0) {
      expect(problemsOf(() => loadConfig(path, {}))).toEqual(['it cannot be read (EACCES)']);
    }
  });
  test('an empty file, a bomb of aliases, an alias of nothing', () => {
    expect(problemsOf(() => loadConfig(file(''), {}))).toEqual([
      'services: found nothing, expected settings (name: value)',
    ]);
    const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);
    expect(problemsOf(() => loadConfig(file(`a0: &a0 x\n${levels.join('\n')}\n`), {}))).toHaveLength(1);
    expect(problemsOf(() => loadConfig(file('services: *none\n'), {}))).toHaveLength(1);
  });
  test('a name that every object has is an unknown setting like any other', () => {
    expect(
      problemsOf(() => loadConfig(file('__proto__: {polluted: 1}\nservices: {}\n'), {})).length,
    ).toBeGreaterThan(0);
    expect('polluted' in {}).toBe(false);
  });
});

test('durations are read as milliseconds', () => {
  const config = parseConfig(inService({ window: 2_500, approvals: { expiry: '10m' } }), {}, 'f');
  expect(config.services.api).toMatchObject({
    window: 2_500,
    approvals: { expiry: 600_000, executionExpiry: 60_000 },
  });
});
