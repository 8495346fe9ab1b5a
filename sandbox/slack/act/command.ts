import { z } from 'zod';
import { contentOf } from '../api/chat.ts';
import { writableChannel } from '../channels.ts';
import { SlackError } from '../errors.ts';
import { APP_ID, BOT_USER, type Channel, MEMBERS, TEAM } from '../identities.ts';
import type { Command } from '../manifest.ts';
import { composeMessage, post, postEphemeral } from '../messages.ts';
import { issueResponseUrl } from '../responses.ts';
import type { Act } from './acts.ts';
import { type Deed, type Outcome, sendInteraction } from './deed.ts';
import { escapedCommandText } from './typed-text.ts';

/** A slash command typed into the composer of a channel. */
export interface CommandDeed {
  channel: string;
  command: string;
  text: string;
}

/** Runs a slash command for a person. */
export async function runCommand(
  deed: Deed,
  { channel: id, command: name, text }: CommandDeed,
): Promise<Outcome> {
  const { workspace, as } = deed;
  const channel = writableChannel(workspace, id, as);
  const command = workspace.manifest.commands.find((one) => one.command === name);
  if (!command) return { ok: false, error: 'unknown_command', shown: `${name} is not a valid command.` };
  return sendInteraction(workspace, {
    start: { user: as, channel: channel.id },
    envelope: (act) => ({ type: 'slash_commands', payload: payloadOf(deed, act, channel, command, text) }),
    shown: (error) =>
      error === 'operation_timeout'
        ? `${name} failed because the app did not respond`
        : `${name} failed with the error "dispatch_failed"`,
    onAck: (act, payload) => reply(deed, act, channel, command, payload),
  });
}

function payloadOf(
  { workspace, as, host }: Deed,
  act: Act,
  channel: Channel,
  command: Command,
  text: string,
) {
  return {
    token: 'sandbox',
    team_id: TEAM.id,
    team_domain: TEAM.domain,
    channel_id: channel.id,
    channel_name: channel.directWith ? 'directmessage' : channel.name,
    user_id: as,
    user_name: MEMBERS.find((one) => one.id === as)?.name,
    command: command.command,
    text: command.should_escape ? escapedCommandText(text) : text,
    api_app_id: APP_ID,
    is_enterprise_install: 'false',
    response_url: issueResponseUrl(workspace, act, { channel: channel.id }, host),
    trigger_id: workspace.triggers.issue({ user: as, act }),
  };
}

const Reply = z.looseObject({ response_type: z.enum(['ephemeral', 'in_channel']).default('ephemeral') });

/** What the acknowledgement itself says. */
function reply(
  { workspace, as }: Deed,
  act: Act,
  channel: Channel,
  command: Command,
  payload: unknown,
): Outcome | undefined {
  const answer = Reply.safeParse(payload ?? {});
  if (answer.success && Object.keys(answer.data).length === 1) return undefined;
  try {
    if (!answer.success) throw new SlackError('invalid_command_response');
    const draft = { channel: channel.id, user: BOT_USER, ...contentOf(answer.data) };
    if (answer.data.response_type === 'in_channel') {
      workspace.acts.answer(act, { message: post(workspace, draft) });
      return undefined;
    }
    const ephemeral = postEphemeral(workspace, as, composeMessage(workspace, draft));
    workspace.acts.answer(act, { ephemeral });
    return undefined;
  } catch (error) {
    if (!(error instanceof SlackError)) throw error;
    workspace.log(
      `${command.command} was answered with what Slack refuses: ${error.code} ${JSON.stringify(error.extra)}`,
    );
    const shown = `${command.command} failed with the error "invalid_command_response"`;
    return { ok: false, error: 'invalid_command_response', shown };
  }
}
