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
  events: string[];
}

const File = z.object({
  features: z.object({
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
  events: ['app_mention', 'app_home_opened', 'message.channels', 'message.im'],
};

/** The app as `manifest.yml` in the root of the package describes it, or a small default where there is none. */
export function readManifest(file = join(packageRoot(), 'manifest.yml')): Manifest {
  if (!existsSync(file)) return DEFAULT;
  const { features, oauth_config: oauth, settings } = File.parse(parse(readFileSync(file, 'utf8')));
  return {
    commands: features.slash_commands,
    shortcuts: features.shortcuts,
    scopes: oauth.scopes.bot,
    events: settings.event_subscriptions?.bot_events ?? [],
  };
}

/** Works from the sources and from `dist/` alike. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
