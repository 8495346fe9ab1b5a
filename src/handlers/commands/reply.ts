import type { SayFn } from '@slack/bolt';
import type { KnownBlock, ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import type { Logger } from 'pino';
import type { MessageBlock, Rendered } from '../../blocks/kit.ts';
import { plainBlocks } from '../../blocks/plain-blocks.ts';

/** How an answer finds the one who asked, and those who read along. */
export interface Reply {
  /** For the one who asked alone. */
  tell(text: string): Promise<void>;
  /** For everybody who saw the question: in the thread of a mention. A command was seen by nobody else. */
  say(text: string): Promise<void>;
  /** As `say`, with blocks; simpler ones where Slack refuses them. */
  show(message: Rendered): Promise<void>;
  /** Opens a dialog; null where Slack gave no trigger for one. */
  open: ((view: ModalView) => Promise<void>) | null;
  /** The address of a message; null when Slack does not tell. */
  permalink(message: { channel: string; ts: string }): Promise<string | null>;
  /** What to tell when the answer takes too long for Slack. */
  whenSlow(text: string): void;
  /** The time is up: tells it, unless something has been told. */
  late(): Promise<void>;
  /** Acknowledges what needed no words. */
  done(): Promise<void>;
}

interface PrivateMessage {
  response_type: 'ephemeral';
  replace_original?: false;
  text: string;
  blocks?: KnownBlock[];
}

const SLOW = "Taken. The bot's own database is slow to answer.";

/** Answers to a command: the first one is the acknowledgement, and nobody else sees any. */
export function commandReply(slack: {
  ack: (message?: PrivateMessage) => Promise<void>;
  respond: (message: PrivateMessage) => Promise<unknown>;
  triggerId: string;
  client: WebClient;
  log: Logger;
}): Reply {
  let acknowledged = false;
  let slow = SLOW;
  const acknowledge = async (text?: string) => {
    if (acknowledged) return;
    acknowledged = true;
    await (text === undefined ? slack.ack() : slack.ack({ response_type: 'ephemeral', text }));
  };
  const tell = async (text: string) => {
    if (!acknowledged) return acknowledge(text);
    await slack.respond({ response_type: 'ephemeral', replace_original: false, text });
  };
  return {
    tell,
    say: tell,
    show: async (message) => {
      await acknowledge();
      await simplerAndSimpler(message, slack.log, (text, blocks) =>
        slack.respond({ response_type: 'ephemeral', replace_original: false, text, ...blocks }),
      );
    },
    open: async (view) => {
      await slack.client.views.open({ trigger_id: slack.triggerId, view });
      await acknowledge();
    },
    permalink: (message) => permalinkOf(slack, message),
    whenSlow: (text) => {
      slow = text;
    },
    late: () => acknowledge(slow),
    done: () => acknowledge(),
  };
}

/** Answers to a mention: in its thread, and what concerns one person alone privately. */
export function mentionReply(slack: {
  client: WebClient;
  say: SayFn;
  log: Logger;
  message: { channel: string; user: string; ts: string; threadTs: string | null };
}): Reply {
  const { channel, user, ts, threadTs } = slack.message;
  let told = false;
  let slow = SLOW;
  const tell = async (text: string) => {
    told = true;
    // Shown in a thread only where one has begun: chat.postEphemeral in Slack's reference.
    const thread = threadTs === null ? {} : { thread_ts: threadTs };
    await slack.client.chat.postEphemeral({ channel, user, text, ...thread });
  };
  const post = async (text: string, blocks: { blocks?: KnownBlock[] } = {}) => {
    told = true;
    const quiet = { unfurl_links: false, unfurl_media: false };
    await slack.say({ text, thread_ts: threadTs ?? ts, ...quiet, ...blocks });
  };
  return {
    tell,
    say: (text) => post(text),
    show: (message) => simplerAndSimpler(message, slack.log, post),
    open: null,
    permalink: (message) => permalinkOf(slack, message),
    whenSlow: (text) => {
      slow = text;
    },
    late: async () => {
      if (!told) await tell(slow);
    },
    done: async () => undefined,
  };
}

/** Asks Slack where a message is; a link is worth no error. */
export async function permalinkOf(
  { client, log }: { client: WebClient; log: Logger },
  { channel, ts }: { channel: string; ts: string },
): Promise<string | null> {
  try {
    return (await client.chat.getPermalink({ channel, message_ts: ts })).permalink ?? null;
  } catch (err) {
    log.warn({ err }, 'asking Slack for the address of a message');
    return null;
  }
}

/** For a workspace that refuses charts or blocks; the last refusal is thrown. */
async function simplerAndSimpler(
  { text, blocks }: Rendered,
  log: Logger,
  send: (text: string, blocks: { blocks?: KnownBlock[] }) => Promise<unknown>,
): Promise<void> {
  const attempts: [string, MessageBlock[]][] = [
    ['drawn', blocks],
    ['plain', plainBlocks(blocks)],
  ];
  for (const [name, attempt] of attempts) {
    try {
      await send(text, { blocks: attempt as KnownBlock[] });
      return;
    } catch (err) {
      log.warn({ err, blocks: name }, 'Slack refuses an answer');
    }
  }
  await send(text, {});
}
