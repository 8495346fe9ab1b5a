import { context, type Rendered, section } from './kit.ts';

/** What is shown where Slack refuses a message: its words, without buttons. */
export function plainMessage(text: string): Rendered {
  return {
    text,
    blocks: [section(text), context('Slack refused the full message; the log of the bot says why.')],
  };
}
