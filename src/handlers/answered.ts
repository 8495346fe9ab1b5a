import type { AckFn } from '@slack/bolt';
import type { Logger } from 'pino';
import { userMessageOf } from '../errors.ts';

/** What the one who acted is told about an error of a listener. */
export function apology(error: unknown): string {
  return `That did not work: ${userMessageOf(error)}. Try again in a moment.`;
}

/**
 * For what Slack wants an answer to in the acknowledgement itself: a listener that breaks before it has acknowledged
 * says so there, or the person would read that the app does not respond.
 */
export async function answered<Response>(
  ack: AckFn<Response>,
  log: Logger,
  listener: (ack: AckFn<Response>) => Promise<void>,
  apologise: (text: string) => Response,
): Promise<void> {
  let done = false;
  try {
    await listener(async (response) => {
      done = true;
      await ack(response);
    });
  } catch (err) {
    if (done) throw err;
    log.error({ err }, 'a Slack listener broke');
    await ack(apologise(apology(err)));
  }
}
