import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const Command = z.object({
  command: z.string().startsWith('/'),
  description: z.string().default(''),
  usage_hint: z.string().default(''),
  should_escape: z.boolean().default(false),
});
const Shortcut = z.object({ name: z.string(), type: z.enum(['message', 'global']), callback_id: z.string() });

/** A slash command that the app registered. */
export type Command = z.infer<typeof Command>;
/** A shortcut that the app registered. */
export type Shortcut = z.infer<typeof Shortcut>;

/** What the app may do in this workspace. */
export interface Manifest {
  commands: Command[];
  shortcuts: Shortcut[];
  scopes: string[];
  /** Of the bot's event subscriptions. */
  events: string[];
  homeTab: boolean;
  messagesTab: boolean;
}

const File = z.object({
  features: z.object({
    app_home: z
      .object({
        home_tab_enabled: z.boolean().default(false),
        messages_tab_enabled: z.boolean().default(true),
      })
      .default({ home_tab_enabled: false, messages_tab_enabled: true }),
    slash_commands: z.array(Command).default([]),
    shortcuts: z.array(Shortcut).default([]),
  }),
  oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }),
  settings: z.object({ event_subscriptions: z.object({ bot_events: z.array(z.string()) }).optional() }),
});

const DEFAULT: Manifest = {
  commands: [
    {
      command: '/latency',
      description: 'Latency incidents: status, details, help',
      usage_hint: '[help | status]',
      should_escape: true,
    },
  ],
  shortcuts: [],
  scopes: [
    'app_mentions:read',
    'commands',
    'chat:write',
    'channels:history',
    'channels:read',
    'users:read',
    'usergroups:read',
    'files:write',
    'pins:write',
    'reactions:write',
    'canvases:write',
  ],
  events: ['app_mention', 'app_home_opened', 'message.channels'],
  homeTab: true,
  messagesTab: true,
};

/** Slack delivers an event only to an app that may read what it is about. */
const EVENT_SCOPES: Readonly<Record<string, string>> = {
  app_mention: 'app_mentions:read',
  'message.channels': 'channels:history',
  'message.im': 'im:history',
};

/** Whether the app is told of such events: it subscribed, and has the scope. */
export function isTold({ events, scopes }: Manifest, event: string): boolean {
  const scope = EVENT_SCOPES[event];
  return events.includes(event) && (scope === undefined || scopes.includes(scope));
}

/** The app as `manifest.yml` in the root of the package describes it, or a small default where there is none. */
export function readManifest(file = join(packageRoot(), 'manifest.yml')): Manifest {
  if (!existsSync(file)) return DEFAULT;
  const { features, oauth_config: oauth, settings } = File.parse(parse(readFileSync(file, 'utf8')));
  return {
    commands: features.slash_commands,
    shortcuts: features.shortcuts,
    scopes: oauth.scopes.bot,
    events: settings.event_subscriptions?.bot_events ?? [],
    homeTab: features.app_home.home_tab_enabled,
    messagesTab: features.app_home.messages_tab_enabled,
  };
}

/** The folder with package.json. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
