import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';
import { Config } from './schema.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The JSON Schema of latency-bot.yml, for editors. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(Config, { io: 'input', target: 'draft-07' });
}

interface Property {
  description?: string;
  title?: string;
  type?: string;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, Property>;
  additionalProperties?: Property | boolean;
  items?: Property;
  required?: string[];
  anyOf?: Property[];
}

/** docs/configuration.md: every setting with its type, default and meaning. */
export function configReference(schema: Property): string {
  const rows: string[] = [];
  collect(schema, '', rows);
  return [
    '# Configuration reference',
    '',
    'Generated from the schema by `npm run generate`. The file is `latency-bot.yml`; `latency-bot.example.yml` shows it with comments.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the syntax that is explained.
    'Values may contain `${ENV}` or `${ENV:-fallback}`. These variables override the file: `SLACK_BOT_TOKEN`, `SLACK_APP_TOKEN`,',
    '`SLACK_SIGNING_SECRET`, `SLACK_API_URL`, `DATABASE_URL`, `REDIS_URL`, `PORT`, `LOG_LEVEL`, `SENTRY_CLIENT_SECRET`, `ALERTMANAGER_TOKEN`,',
    '`GRAFANA_SECRET`, `GRAFANA_TOKEN`, `ALERTS_TOKEN`; each is also read from the file that the same name with `_FILE` names.',
    '',
    '| setting | type | default | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function collect(property: Property, path: string, rows: string[]): void {
  for (const [name, child] of Object.entries(property.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    row(child, at, property.required?.includes(name) ?? false, rows);
    collect(child, at, rows);
  }
  if (typeof property.additionalProperties === 'object')
    collect(property.additionalProperties, `${path}.<id>`, rows);
  if (property.items) collect(property.items, `${path}[]`, rows);
}

function row(property: Property, path: string, required: boolean, rows: string[]): void {
  const isGroup = property.properties !== undefined;
  if (isGroup && !property.description) return;
  const fallback = property.default === undefined || isGroup ? '' : `\`${shownDefault(property.default)}\``;
  const shown = required && fallback === '' ? 'required' : fallback;
  const meaning = (property.description ?? '').replaceAll('|', '\\|');
  rows.push(`| \`${path}\` | ${typeName(property)} | ${shown} | ${meaning} |`);
}

/** As it would stand in the file. */
function shownDefault(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

function typeName(property: Property): string {
  if (property.title) return property.title;
  if (property.enum) return property.enum.map((one) => `\`${one}\``).join(', ');
  if (property.anyOf) return [...new Set(property.anyOf.map(typeName))].join(' or ');
  if (property.type === 'array') return `list of ${property.items ? typeName(property.items) : 'values'}`;
  return property.type ?? 'value';
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const schema = configJsonSchema();
  const target = join(ROOT, 'docs', 'schema');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'latency-bot.schema.json'), `${JSON.stringify(schema, null, 2)}\n`);
  writeFileSync(join(ROOT, 'docs', 'configuration.md'), configReference(schema as Property));
}
