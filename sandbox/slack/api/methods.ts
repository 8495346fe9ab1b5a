import { SlackError } from '../errors.ts';
import { text } from './args.ts';
import { chatMethods } from './chat.ts';
import { conversationMethods } from './conversations.ts';
import { extraMethods } from './extras.ts';
import { fileMethods } from './files.ts';
import { type ApiCall, BOT_AND_USERS, type Method, type Methods } from './method.ts';
import { peopleMethods } from './people.ts';
import { viewMethods } from './view-methods.ts';

function apiTest({ args }: ApiCall): Record<string, unknown> {
  const error = text(args, 'error');
  if (error) throw new SlackError(error, { args });
  const { token: _token, ...rest } = args;
  return { args: rest };
}

function openConnection({ workspace, host }: ApiCall): Record<string, unknown> {
  return { url: workspace.sockets.address(host) };
}

const METHODS: Methods = {
  'api.test': { tier: 'none', callers: [...BOT_AND_USERS, 'app'], anonymous: true, run: apiTest },
  'apps.connections.open': { tier: 'none', callers: ['app'], run: openConnection },
  ...peopleMethods,
  ...chatMethods,
  ...conversationMethods,
  ...viewMethods,
  ...fileMethods,
  ...extraMethods,
};

/** The method with this name, if this workspace has it. */
export function findMethod(name: string): Method | undefined {
  return Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
}
