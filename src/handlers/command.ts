import type { AllMiddlewareArgs, SlackCommandMiddlewareArgs } from '@slack/bolt';
import type { IncidentDeps } from '../incidents/deps.ts';
import type { Looks } from '../incidents/looks.ts';
import { commandReply } from './commands/reply.ts';
import { dispatch } from './dispatch.ts';

type Args = SlackCommandMiddlewareArgs & AllMiddlewareArgs;

/** `/latency …`: Slack does not let commands be typed in threads. */
export async function onLatencyCommand(deps: IncidentDeps, looks: Looks, args: Args): Promise<void> {
  const { ack, client, command, respond } = args;
  const reply = commandReply({
    ack: (message) => (message ? ack(message) : ack()),
    respond,
    triggerId: command.trigger_id,
    client,
    log: deps.log.child({ slackUserId: command.user_id }),
  });
  const asked = {
    text: command.text,
    userId: command.user_id,
    userName: command.user_name,
    channel: command.channel_id,
    threadTs: null,
    source: 'slash-command' as const,
  };
  return dispatch(deps, looks, asked, reply);
}
