import type { RespondFn } from '@slack/bolt';
import type { WebClient } from '@slack/web-api';
import type { IncidentDeps } from '../incidents/deps.ts';
import { inTime } from './in-time.ts';

/** What every click comes with, on a button or in a menu. */
export interface ClickArgs {
  ack: () => Promise<void>;
  respond: RespondFn;
  client: WebClient;
  body: { user: { id: string }; channel?: { id: string }; trigger_id: string };
}

/**
 * Does the work, acknowledges the click, and tells the one who clicked, and nobody else, how it went. What has been
 * done stays done when Slack does not take the answer: that must not read as if the work had failed.
 */
export async function answerAfter(
  deps: IncidentDeps,
  args: ClickArgs,
  work: () => Promise<string | null>,
): Promise<void> {
  const { user, channel } = args.body;
  const log = deps.log.child({ slackUserId: user.id });
  const acknowledge = () => args.ack().catch((err) => log.warn({ err }, 'acknowledging a click'));
  const { value: text, acknowledged } = await inTime(work(), acknowledge);
  if (!acknowledged) await acknowledge();
  if (text === null) return;
  try {
    await args.respond({ response_type: 'ephemeral', replace_original: false, text });
  } catch (err) {
    log.warn({ err }, 'answering a click');
    if (!channel) return;
    await args.client.chat
      .postEphemeral({ channel: channel.id, user: user.id, text })
      .catch((err) => log.warn({ err }, 'answering a click by another way'));
  }
}
