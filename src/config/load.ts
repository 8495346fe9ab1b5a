import { existsSync, readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { BotError } from '../errors.ts';
import { Config } from './schema.ts';

/** A configuration that cannot be used, with every error it has. Exit code 2. */
export class ConfigError extends BotError {
  readonly problems: string[];

  constructor(file: string, problems: string[], cause?: unknown) {
    const count = problems.length === 1 ? 'one error' : `${problems.length} errors`;
    super('config-invalid', `${file} has ${count}:\n${problems.map((one) => `  - ${one}`).join('\n')}`, {
      cause,
    });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

type Environment = Record<string, string | undefined>;

// Environment variables that override the file, so that a container needs no file edits for secrets.
const OVERRIDES: Record<string, [section: string, key: string]> = {
  SLACK_BOT_TOKEN: ['slack', 'botToken'],
  SLACK_APP_TOKEN: ['slack', 'appToken'],
  SLACK_SIGNING_SECRET: ['slack', 'signingSecret'],
  SLACK_API_URL: ['slack', 'apiUrl'],
  DATABASE_URL: ['store', 'databaseUrl'],
  REDIS_URL: ['queue', 'redisUrl'],
  PORT: ['http', 'port'],
  LOG_LEVEL: ['log', 'level'],
};

/** Reads the file, resolves `${ENV}` in its values, applies the environment and validates. Throws ConfigError. */
export function loadConfig(file: string, env: Environment): Config {
  if (!existsSync(file)) throw new ConfigError(file, ['there is no such file; copy latency-bot.example.yml']);
  const document = parseDocument(readFileSync(file, 'utf8'), { prettyErrors: true });
  if (document.errors.length > 0)
    throw new ConfigError(
      file,
      document.errors.map((error) => error.message),
    );
  return parseConfig(document.toJS({ maxAliasCount: 100 }) ?? {}, env, file);
}

/** Validates configuration data; `source` names it in errors. */
export function parseConfig(data: unknown, env: Environment, source: string): Config {
  const problems: string[] = [];
  const resolved = withEnvironment(data, env, '', problems);
  const overridden = isRecord(resolved) ? applyOverrides(resolved, env) : resolved;
  const result = Config.safeParse(overridden);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describe(issue, overridden)));
  if (problems.length > 0 || !result.success) throw new ConfigError(source, problems, result.error);
  return result.data;
}

function withEnvironment(value: unknown, env: Environment, path: string, problems: string[]): unknown {
  if (typeof value === 'string') {
    return value.replace(
      /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
      (_all, name: string, fallback?: string) => {
        const found = env[name] ?? fallback;
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

function applyOverrides(data: Record<string, unknown>, env: Environment): Record<string, unknown> {
  const result = { ...data };
  for (const [name, [section, key]] of Object.entries(OVERRIDES)) {
    const value = env[name];
    if (value === undefined || value === '') continue;
    const current = result[section];
    const typed = key === 'port' && /^\d+$/.test(value) ? Number(value) : value;
    result[section] = { ...(isRecord(current) ? current : {}), [key]: typed };
  }
  return result;
}

/** Path, what was found and what is expected, for each thing that is wrong. */
function describe(issue: z.core.$ZodIssue, data: unknown): string[] {
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `${pathText([...issue.path, key])}: unknown setting; remove it or check its spelling`,
    );
  }
  const found = issue.path.reduce<unknown>(
    (at, key) => (isRecord(at) || Array.isArray(at) ? Reflect.get(at, key) : undefined),
    data,
  );
  const shown = found === undefined ? 'nothing' : clipped(found, issue.path);
  const expected = issue.code === 'invalid_type' ? `expected ${issue.expected}` : issue.message;
  return [`${path}: found ${shown}, ${lowerFirst(expected)}`];
}

function clipped(value: unknown, path: PropertyKey[]): string {
  // A mistyped secret is still a secret.
  if (/token|secret|password|url/i.test(String(path.at(-1)))) return `a ${typeof value} (not shown)`;
  const json = JSON.stringify(value) ?? String(value);
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
