import { memo, use } from 'react';
import { type Block as LibraryBlock, Message as LibraryMessage } from 'slack-blocks-to-jsx';
import { hasEmoji, plainText, richText, unescapeText } from '../model/mrkdwn.ts';
import { fullDate, slackDate } from '../model/time.ts';
import type { Block, TextObject } from '../model/wire.ts';
import { DirectoryContext } from './page-context.ts';

type Hooks = NonNullable<Parameters<typeof LibraryMessage>[0]['hooks']>;

/** Dates in the reader's zone, with the exact moment on hover. */
function LocalDate({ seconds, format }: { seconds: number; format: string }) {
  const date = new Date(seconds * 1000);
  return (
    <time dateTime={date.toISOString()} title={fullDate(date)}>
      {slackDate(seconds, format)}
    </time>
  );
}

const hooks: Hooks = {
  date: ({ timestamp, format }) => <LocalDate seconds={Number(timestamp)} format={format} />,
};

/** Blocks without anything to click on, drawn by slack-blocks-to-jsx. */
export const LibraryBlocks = memo(function LibraryBlocks({ blocks }: { blocks: Block[] }) {
  const { names, theme } = use(DirectoryContext);
  // The block ids would become element ids, and two messages may have the same ones.
  const bare = blocks.map(({ block_id: _, ...block }) => block) as unknown as LibraryBlock[];
  return (
    <LibraryMessage
      // The library reads names only when it mounts.
      key={names.users.length + names.channels.length + names.user_groups.length}
      withoutWrapper
      name=""
      logo=""
      theme={theme}
      blocks={bare}
      data={names}
      hooks={hooks}
    />
  );
});

/** A mrkdwn or plain text, with mentions, dates, emoji and code drawn as Slack draws them. */
export const Text = memo(function Text({ text }: { text: TextObject }) {
  // Most labels are nothing but words, which need no library and may stand inside a button.
  if (text.type === 'plain_text' && !hasEmoji(text.text)) {
    return <span className="plain">{unescapeText(text.text)}</span>;
  }
  const elements = text.type === 'mrkdwn' ? richText(text.text) : plainText(text.text);
  const block = { type: 'rich_text', elements } as unknown as Block;
  return <LibraryBlocks blocks={[block]} />;
});
