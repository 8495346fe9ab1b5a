import { use } from 'react';
import { type Block as LibraryBlock, Message as LibraryMessage } from 'slack-blocks-to-jsx';
import { plainText, richText } from '../model/mrkdwn.ts';
import { fullDate, slackDate } from '../model/time.ts';
import type { Block, TextObject, Workspace } from '../model/wire.ts';
import { PageContext } from './page-context.ts';

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

function directory(workspace: Workspace) {
  return {
    users: workspace.users.map((user) => ({ id: user.id, name: user.realName })),
    channels: workspace.channels.map((channel) => ({ id: channel.id, name: channel.name })),
    user_groups: (workspace.usergroups ?? []).map((group) => ({ id: group.id, name: group.handle })),
  };
}

/** Blocks without anything to click on, drawn by slack-blocks-to-jsx. */
export function LibraryBlocks({ blocks }: { blocks: Block[] }) {
  const { workspace, theme } = use(PageContext);
  // The block ids would become element ids, and two messages may have the same ones.
  const bare = blocks.map(({ block_id: _, ...block }) => block) as unknown as LibraryBlock[];
  return (
    <LibraryMessage
      // The library reads names only when it mounts.
      key={workspace.users.length + workspace.channels.length}
      withoutWrapper
      name=""
      logo=""
      theme={theme}
      blocks={bare}
      data={directory(workspace)}
      hooks={hooks}
    />
  );
}

/** A mrkdwn or plain text, with mentions, dates, emoji and code drawn as Slack draws them. */
export function Text({ text }: { text: TextObject }) {
  const elements = text.type === 'mrkdwn' ? richText(text.text) : plainText(text.text);
  return (
    <LibraryBlocks
      blocks={[{ type: 'rich_text', elements: elements as unknown as NonNullable<Block['elements']> }]}
    />
  );
}
