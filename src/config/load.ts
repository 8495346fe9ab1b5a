import { existsSync, readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { BotError } from '../errors.ts';
import { Config } from './schema.ts';

/** A configuration that cannot be used, with every error it has. Exit code 2. */
export class ConfigError extends BotError {
  readonly problems: string[];

  constructor(file: string, problems: string[]) {
    const count = problems.length === 1 ? 'one error' : `${problems.length} errors`;
    super('config-invalid', `${file} has ${count}:\n${problems.map((one) => `  - ${one}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

type Environment = Record<string, string | undefined>;

// Environment variables that override the file, so that a container needs no file edits for secrets.
const OVERRIDES: Record<string, [section: string, ...keys: string[]]> = {
  SLACK_BOT_TOKEN: ['slack', 'botToken'],
  SLACK_APP_TOKEN: ['slack', 'appToken'],
  SLACK_SIGNING_SECRET: ['slack', 'signingSecret'],
  SLACK_API_URL: ['slack', 'apiUrl'],
  DATABASE_URL: ['store', 'databaseUrl'],
  REDIS_URL: ['queue', 'redisUrl'],
  PORT: ['http', 'port'],
  LOG_LEVEL: ['log', 'level'],
  SENTRY_CLIENT_SECRET: ['alerts', 'sentry', 'clientSecret'],
  ALERTMANAGER_TOKEN: ['alerts', 'alertmanager', 'token'],
  GRAFANA_SECRET: ['alerts', 'grafana', 'secret'],
  GRAFANA_TOKEN: ['alerts', 'grafana', 'token'],
  ALERTS_TOKEN: ['alerts', 'generic', 'token'],
};

/** Reads the file, resolves `${ENV}` in its values, applies the environment and validates. Throws ConfigError. */
export function loadConfig(file: string, env: Environment): Config {
  if (!existsSync(file)) throw new ConfigError(file, ['there is no such file; copy latency-bot.example.yml']);
  return parseConfig(readYaml(file) ?? {}, env, file);
}

function readYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, [`it cannot be read (${(error as NodeJS.ErrnoException).code})`]);
  }
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    // Only the first line: the others quote the file, and that place may hold a secret.
    throw new ConfigError(
      file,
      document.errors.map((error) => error.message.split('\n')[0]?.replace(/:$/, '') ?? error.code),
    );
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new ConfigError(file, ['an alias (*name) names no anchor (&name), or there are too many of them']);
  }
}

/** Validates configuration data; `source` names it in errors. */
export function parseConfig(data: unknown, env: Environment, source: string): Config {
  const problems: string[] = [];
  const resolved = withEnvironment(data, env, '', problems);
  const overridden = isRecord(resolved) ? applyOverrides(resolved, env, problems) : resolved;
  const result = Config.safeParse(overridden);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describe(issue, overridden)));
  else problems.push(...strayRoutes(result.data));
  if (problems.length > 0 || !result.success) throw new ConfigError(source, problems);
  return result.data;
}

/** A route to a service that there is not would lose its alerts in silence. */
function strayRoutes({ alerts, services }: Config): string[] {
  const named = [
    ...alerts.routes.map(({ service }, i) => [`alerts.routes[${i}].service`, service] as const),
    ['alerts.defaultService', alerts.defaultService] as const,
  ];
  return named.flatMap(([path, id]) =>
    id === undefined || Object.hasOwn(services, id) ? [] : [`${path}: there is no service with this id`],
  );
}

function withEnvironment(value: unknown, env: Environment, path: string, problems: string[]): unknown {
  if (typeof value === 'string') {
    return value.replace(
      /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
      (_all, name: string, fallback?: string) => {
        // As in a shell: `:-` also replaces an empty value.
        const found = fallback === undefined ? env[name] : env[name] || fallback;
        if (found === undefined) problems.push(`${path}: the environment variable ${name} is not set`);
        return found ?? '';
      },
    );
  }
  if (Array.isArray(value))
    return value.map((item, i) => withEnvironment(item, env, `${path}[${i}]`, problems));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => {
    const inner = path === '' ? key : `${path}.${key}`;
    return [key, withEnvironment(item, env, inner, problems)];
  });
  return Object.fromEntries(entries);
}

function applyOverrides(
  data: Record<string, unknown>,
  env: Environment,
  problems: string[],
): Record<string, unknown> {
  let result = data;
  for (const [name, path] of Object.entries(OVERRIDES)) {
    const value = env[name] || fileValue(env, name, problems);
    if (value === undefined || value === '') continue;
    const typed = path.at(-1) === 'port' && /^\d+$/.test(value) ? Number(value) : value;
    result = withValue(result, path, typed);
  }
  return result;
}

function withValue(
  data: Record<string, unknown>,
  [key = '', ...rest]: string[],
  value: unknown,
): Record<string, unknown> {
  if (rest.length === 0) return { ...data, [key]: value };
  const current = data[key];
  return { ...data, [key]: withValue(isRecord(current) ? current : {}, rest, value) };
}

/** NAME_FILE names a file with the value, as secrets are mounted into containers. */
function fileValue(env: Environment, name: string, problems: string[]): string | undefined {
  const file = env[`${name}_FILE`];
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    problems.push(`${name}_FILE: the file cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return undefined;
  }
}

/** Settings of earlier versions. */
const RENAMED = new Map([['maxKillsPerIncident', 'limits.sessions']]);

/** Path, what was found and what is expected, for each thing that is wrong. */
function describe(issue: z.core.$ZodIssue, data: unknown): string[] {
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const renamed = RENAMED.get(key);
      const remedy = renamed ? `it is called ${renamed} now` : 'remove it or check its spelling';
      return `${pathText([...issue.path, key])}: unknown setting; ${remedy}`;
    });
  }
  const found = issue.path.reduce<unknown>(
    (at, key) => (isRecord(at) || Array.isArray(at) ? Reflect.get(at, key) : undefined),
    data,
  );
  const shown = found === undefined ? 'nothing' : clipped(found, issue.path);
  return [`${path}: found ${shown}, ${expectedBy(issue)}`];
}

function expectedBy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${WORDS[issue.expected] ?? issue.expected}`;
    case 'invalid_key':
      return issue.issues.map(expectedBy).join(', ');
    case 'invalid_union': {
      // Of each alternative the words that this file was given; a bare type says less.
      const alternatives = issue.errors.flatMap((one) => one.map(expectedBy));
      const told = alternatives.filter((text) => text.includes('such as'));
      const words = new Set(told.length > 0 ? told : alternatives);
      return `expected ${[...words].map((text) => text.replace(/^expected /, '')).join(' or ')}`;
    }
    case 'too_small':
    case 'too_big':
      return issue.message.startsWith('expected') ? issue.message : expectedLimit(issue);
    case 'invalid_value':
      return `expected ${issue.values.map(String).join(', ')}`;
    default:
      return lowerFirst(issue.message);
  }
}

const WORDS: Record<string, string> = {
  object: 'settings (name: value)',
  record: 'settings (name: value)',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
};

function expectedLimit(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const [words, limit] =
    issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum];
  const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
  if (issue.origin === 'string' && limit === 1) return 'expected text';
  return `expected ${words} ${limit}${unit}`;
}

function clipped(value: unknown, path: PropertyKey[]): string {
  // A mistyped secret is still a secret.
  const hidden = Array.isArray(value) ? 'a list (not shown)' : `a ${typeof value} (not shown)`;
  if (/token|secret|password|url/i.test(String(path.at(-1))) || path.includes('terminal')) return hidden;
  const json = JSON.stringify(value) ?? String(value);
  if (/xox|xapp|:\/\/|token|secret|password|\w{24}/i.test(json)) return hidden;
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

function pathText(path: PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
