import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { COMMANDS } from '../../src/handlers/commands/index.ts';
import { SHORTCUTS } from '../../src/handlers/shortcuts.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** The parts of Slack's manifest schema 2 that this app uses; objects there are closed. */
const Manifest = z.strictObject({
  _metadata: z.strictObject({ major_version: z.literal(2), minor_version: z.int() }),
  display_information: z.strictObject({
    name: z.string().max(35),
    description: z.string().max(140),
    long_description: z.string().min(175).max(4_000).optional(),
    background_color: z.string().regex(/^#[0-9A-Fa-f]{6}$/),
  }),
  features: z.strictObject({
    app_home: z.strictObject({
      home_tab_enabled: z.boolean(),
      messages_tab_enabled: z.boolean(),
      messages_tab_read_only_enabled: z.boolean(),
    }),
    bot_user: z.strictObject({
      display_name: z.string().regex(/^[a-z0-9._-]{1,80}$/),
      always_online: z.boolean(),
    }),
    shortcuts: z
      .array(
        z.strictObject({
          name: z.string().max(24),
          type: z.enum(['message', 'global']),
          callback_id: z.string().max(255),
          description: z.string().max(150),
        }),
      )
      .max(10)
      .default([]),
    slash_commands: z.array(
      z.strictObject({
        command: z.string().startsWith('/').max(32),
        description: z.string().max(2_000),
        usage_hint: z.string().max(1_000),
        should_escape: z.boolean(),
      }),
    ),
  }),
  oauth_config: z.strictObject({
    scopes: z.strictObject({ bot: z.array(z.string()), bot_optional: z.array(z.string()) }),
  }),
  settings: z.strictObject({
    event_subscriptions: z.strictObject({ bot_events: z.array(z.string()) }),
    interactivity: z.strictObject({ is_enabled: z.literal(true) }),
    org_deploy_enabled: z.boolean(),
    socket_mode_enabled: z.literal(true),
    token_rotation_enabled: z.literal(false),
    is_hosted: z.literal(false),
  }),
});

const manifest = Manifest.parse(parse(readFileSync(join(ROOT, 'manifest.yml'), 'utf8')));

/** Scopes that each Web API method needs, in public and private channels; null where it needs none. */
const SCOPES: Record<string, string | string[] | null> = {
  'auth.test': null,
  'chat.postMessage': 'chat:write',
  'chat.postEphemeral': 'chat:write',
  'chat.update': 'chat:write',
  'chat.delete': 'chat:write',
  'chat.getPermalink': null,
  'conversations.history': ['channels:history', 'groups:history'],
  'conversations.replies': ['channels:history', 'groups:history'],
  'conversations.info': 'channels:read',
  'conversations.open': 'im:write',
  'canvases.edit': 'canvases:write',
  'conversations.canvases.create': 'canvases:write',
  filesUploadV2: 'files:write',
  'pins.add': 'pins:write',
  'reactions.add': 'reactions:write',
  'usergroups.users.list': 'usergroups:read',
  'users.info': 'users:read',
  'views.open': null,
  'views.publish': null,
  'views.push': null,
  'views.update': null,
};
const EVENT_SCOPES: Record<string, string | null> = {
  app_home_opened: null,
  app_mention: 'app_mentions:read',
};

const code = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
  .join('\n');
const all = (pattern: RegExp) =>
  [...new Set([...code.matchAll(pattern)].map((match) => match[1] ?? ''))].sort();

const methods = all(
  /(?:slack|client)\.(filesUploadV2|(?:auth|chat|conversations|pins|reactions|usergroups|users|views|bookmarks|canvases)(?:\.\w+)+)\(/g,
);
const commands = all(/\.command\('(\/[^']+)'/g);
const events = all(/\.event\('(\w+)'/g);
const shortcuts = all(/\.shortcut\((?:\{[^}]*callback_id:\s*)?'([^']+)'/g);

test('every Web API method of the code is known here', () => {
  expect(methods.length).toBeGreaterThan(5);
  expect(methods.filter((method) => !(method in SCOPES))).toEqual([]);
});

test('the scopes are those that the methods, events, commands and shortcuts need, and no more', () => {
  const needed = new Set([
    ...methods.flatMap((method) => SCOPES[method] ?? []),
    ...events.flatMap((event) => EVENT_SCOPES[event] ?? []),
    ...(commands.length + shortcuts.length > 0 ? ['commands'] : []),
  ]);
  const { bot, bot_optional: optional } = manifest.oauth_config.scopes;
  expect(bot.toSorted()).toEqual([...needed].sort());
  expect(optional.filter((scope) => !bot.includes(scope))).toEqual([]);
});

test('commands, events and shortcuts of the manifest are those that the code listens to', () => {
  expect(manifest.features.slash_commands.map((one) => one.command)).toEqual(commands);
  expect(manifest.settings.event_subscriptions.bot_events.toSorted()).toEqual(events);
  const declared = manifest.features.shortcuts.map((one) => one.callback_id).toSorted();
  // Some listeners name their callback id by a constant.
  for (const id of declared) expect(code).toContain(`'${id}'`);
  expect(declared.length).toBe((code.match(/\bapp\.shortcut[<(]/g) ?? []).length);
});

test('the hint of the command has a word for each that the bot understands, in its order', () => {
  const [command] = manifest.features.slash_commands;
  const words = (command?.usage_hint ?? '').split('|').map((one) => one.trim().split(' ')[0]);
  expect(words).toEqual(['[service]', ...COMMANDS.map(({ name }) => name)]);
});

test('the shortcuts are those that have a listener, of the same kind', () => {
  const declared = manifest.features.shortcuts.map((one) => `${one.type} ${one.callback_id}`);
  expect(declared.toSorted()).toEqual(
    [
      `global ${SHORTCUTS.start}`,
      `message ${SHORTCUTS.investigate}`,
      `message ${SHORTCUTS.addToTimeline}`,
    ].sort(),
  );
});

test('the home tab is on when the code fills it', () => {
  expect(manifest.features.app_home.home_tab_enabled).toBe(methods.includes('views.publish'));
});
