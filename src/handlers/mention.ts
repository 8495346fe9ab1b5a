import type { AllMiddlewareArgs, SlackEventMiddlewareArgs } from '@slack/bolt';
import type { IncidentDeps } from '../incidents/deps.ts';
import type { Looks } from '../incidents/looks.ts';
import { mentionReply } from './commands/reply.ts';
import { bareMention, dispatch } from './dispatch.ts';

export type MentionArgs = SlackEventMiddlewareArgs<'app_mention'> & AllMiddlewareArgs;

/** `@Latency Bot …` in a channel or a thread: the same words as after the command. */
export async function onMention(deps: IncidentDeps, looks: Looks, args: MentionArgs): Promise<void> {
  const { client, context, event, say } = args;
  const { user, channel, ts } = event;
  // Bots do not command each other, and what was edited has been answered.
  if (!user || event.bot_id || event.subtype || event.edited || user === context.botUserId) return;
  const threadTs = event.thread_ts ?? null;
  const log = deps.log.child({ slackUserId: user });
  const reply = mentionReply({ client, say, log, message: { channel, user, ts, threadTs } });
  const { before, after } = aroundMention(event.text, context.botUserId ?? '');
  // “Thanks, @Latency Bot” is no question.
  if (after === '' && before !== '') return reply.tell(bareMention(deps));
  const asked = { text: after, userId: user, userName: user, channel, threadTs, source: 'mention' as const };
  return dispatch(deps, looks, asked, reply);
}

/** What stands before and after the first mention of the bot. */
export function aroundMention(text: string, botUserId: string): { before: string; after: string } {
  const mark = new RegExp(`<@${botUserId}(?:\\|[^>]*)?>[,:]?`);
  const found = mark.exec(text);
  if (!found) return { before: text.trim(), after: '' };
  return {
    before: text.slice(0, found.index).trim(),
    after: text.slice(found.index + found[0].length).trim(),
  };
}
