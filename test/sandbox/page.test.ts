import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerPage } from '../../sandbox/page.ts';
import { completions } from '../../sandbox/slack/page/model/completion.ts';
import { groupsOf } from '../../sandbox/slack/page/model/fault-groups.ts';
import { submittedValues } from '../../sandbox/slack/page/model/form.ts';
import { richText } from '../../sandbox/slack/page/model/mrkdwn.ts';
import { slackDate } from '../../sandbox/slack/page/model/time.ts';
import type { Block, Message, Workspace } from '../../sandbox/slack/page/model/wire.ts';
import { isReply, nextWorkspace } from '../../sandbox/slack/page/model/workspace.ts';

const workspace: Workspace = {
  team: { id: 'T1', name: 'Team' },
  me: 'U1',
  users: [
    { id: 'U1', name: 'ann', realName: 'Ann', title: 'On-call engineer', color: '000000', isBot: false },
    { id: 'U2', name: 'ann.lee', realName: 'Ann Lee', title: 'Approver', color: '000000', isBot: false },
    { id: 'UB', name: 'latency-bot', realName: 'Latency Bot', title: '', color: '000000', isBot: true },
  ],
  channels: [{ id: 'C1', name: 'incidents', topic: '' }],
  messages: [],
  ephemerals: [],
  home: null,
  modals: [],
  commands: [
    { command: '/latency', description: 'Look', usage_hint: '[service] | status | freeze <minutes>' },
  ],
  shortcuts: [],
};

describe('the page as it is served', () => {
  let app: FastifyInstance;
  beforeAll(async () => {
    app = fastify();
    await registerPage(app);
  });
  afterAll(() => app.close());

  const referenced = async (): Promise<string[]> => {
    const html = (await app.inject('/')).body;
    return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
  };

  test('allows its own origin alone, and no inline script or style', async () => {
    const { headers, body } = await app.inject('/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers['cache-control']).toBe('no-cache');
    expect(body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
  });

  test('names only files of its own, and each of them is there with its type', async () => {
    const paths = await referenced();
    expect(paths).toHaveLength(3);
    const types = await Promise.all(
      paths.map(async (path) => {
        expect(path).toMatch(/^\/assets\//);
        const { statusCode, headers } = await app.inject(path);
        expect(statusCode).toBe(200);
        expect(headers['x-content-type-options']).toBe('nosniff');
        return String(headers['content-type']).split(';')[0];
      }),
    );
    expect(types).toEqual(['image/svg+xml', 'text/css', 'text/javascript']);
  });

  test('lets a browser keep the hashed address for ever, and no other', async () => {
    const hashed = (await referenced()).find((path) => path.includes('app.js')) ?? '';
    expect((await app.inject(hashed)).headers['cache-control']).toContain('immutable');
    expect((await app.inject('/assets/app.js?v=old')).headers['cache-control']).toBe('no-cache');
  });

  test('fetches nothing from elsewhere', async () => {
    const css = (await app.inject('/assets/app.css')).body;
    expect(css.match(/@import|url\(/)).toBeNull();
    const js = (await app.inject('/assets/app.js')).body;
    const fetched = [...js.matchAll(/(?:fetch|EventSource|import|Worker|WebSocket)\(\s*[`"']([^`"']*)/g)];
    expect(fetched.map((match) => match[1]).filter((address) => !address?.startsWith('/sandbox/'))).toEqual(
      [],
    );
  });

  test('draws charts in the colours of the theme', async () => {
    const js = (await app.inject('/assets/app.js')).body;
    const css = (await app.inject('/assets/app.css')).body;
    for (const colour of [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `--chart-${n}`)) {
      expect(js.includes(`"var(${colour})"`), colour).toBe(true);
      expect(new RegExp(`${colour}: ?light-dark\\(`).test(css), colour).toBe(true);
    }
  });
});

describe('mrkdwn', () => {
  test('leaves code alone, whatever signs are in it', () => {
    expect(richText('*cause:* `select a * b, c * d &lt; 5`')).toEqual([
      {
        type: 'rich_text_section',
        elements: [
          { type: 'text', text: 'cause:', style: { bold: true } },
          { type: 'text', text: ' ', style: {} },
          { type: 'text', text: 'select a * b, c * d < 5', style: { code: true } },
        ],
      },
    ]);
  });

  test('does not make a mention or a link of escaped or unsafe text', () => {
    const [part] = richText('&lt;!channel&gt; <javascript:alert(1)|here> snake_case_name 12:00:00');
    expect(part?.elements.map((element) => element.type)).toEqual(['text', 'text', 'text']);
  });

  test('finds people, groups, channels, dates, links and emoji', () => {
    const [part] = richText(
      '<@U1> <!subteam^S1> <#C1|x> <!date^1^{time}|t> <https://a.test|b> :eyes: _so_ ~no~',
    );
    expect(part?.elements.filter((element) => !('text' in element && element.text === ' '))).toMatchObject([
      { type: 'user', user_id: 'U1' },
      { type: 'usergroup', usergroup_id: 'S1' },
      { type: 'channel', channel_id: 'C1' },
      { type: 'date', timestamp: 1, format: '{time}' },
      { type: 'link', url: 'https://a.test', text: 'b' },
      { type: 'emoji', name: 'eyes' },
      { type: 'text', text: 'so', style: { italic: true } },
      { type: 'text', text: 'no', style: { strike: true } },
    ]);
  });

  test('keeps the order of text, quotes and code blocks', () => {
    expect(richText('a\n&gt; b\n```\nc\n```\nd').map((part) => part.type)).toEqual([
      'rich_text_section',
      'rich_text_quote',
      'rich_text_preformatted',
      'rich_text_section',
    ]);
  });

  test('fills dates in for the reader and keeps unknown tokens', () => {
    const now = new Date(2026, 0, 2, 12);
    expect(slackDate(now.getTime() / 1000, '{date_short_pretty} {what}', now)).toBe('Today {what}');
  });
});

describe('the composer', () => {
  const texts = (text: string, inThread = false): string[] =>
    completions(text, workspace, inThread).map((one) => one.completed);

  test('completes commands, then their words, but not in a thread', () => {
    expect(texts('/lat')).toEqual(['/latency ']);
    expect(texts('/latency ')).toEqual(['/latency status', '/latency freeze']);
    expect(texts('/latency st')).toEqual(['/latency status']);
    expect(texts('/latency status')).toEqual([]);
    expect(texts('/lat', true)).toEqual([]);
  });

  test('completes people behind an @, in threads too', () => {
    expect(texts('hey @ann l', true)).toEqual(['hey @Ann Lee ']);
    expect(texts('mail me at ann@ann')).toEqual([]);
  });
});

describe('a modal', () => {
  const pt = (text: string) => ({ type: 'plain_text' as const, text });
  const option = { text: pt('A'), value: 'a' };
  const blocks: Block[] = [
    {
      type: 'input',
      block_id: 'b1',
      label: pt('Why'),
      element: { type: 'plain_text_input', action_id: 'v' },
    },
    {
      type: 'input',
      block_id: 'b2',
      label: pt('Seconds'),
      element: { type: 'number_input', action_id: 'v', initial_value: '40', max_value: '30' },
    },
    {
      type: 'input',
      block_id: 'b3',
      optional: true,
      label: pt('Also'),
      element: { type: 'checkboxes', action_id: 'v', options: [option] },
    },
  ];
  const setValue = (): void => undefined;

  test('submits what was typed, and the initial values of the rest', () => {
    const values = new Map([['b1\nv', 'slow']]);
    expect(submittedValues({ values, setValue }, blocks)).toEqual({
      b1: { v: 'slow' },
      b2: { v: '40' },
      b3: { v: [] },
    });
  });
});

describe('the workspace', () => {
  const message = (ts: string, more: Partial<Message> = {}): Message => ({
    channel: 'C1',
    ts,
    user: 'U1',
    text: ts,
    ...more,
  });

  test('replaces a message in its place, and forgets a deleted one', () => {
    const start = nextWorkspace(null, {
      type: 'snapshot',
      workspace: { ...workspace, messages: [message('2.0')] },
    });
    const more = nextWorkspace(start, { type: 'message', message: message('1.0') });
    const edited = nextWorkspace(more, { type: 'message', message: message('1.0', { text: 'new' }) });
    expect(edited?.messages.map((one) => one.text)).toEqual(['new', '2.0']);
    const gone = nextWorkspace(edited, { type: 'message_deleted', channel: 'C1', ts: '1.0' });
    expect(gone?.messages.map((one) => one.ts)).toEqual(['2.0']);
    expect(nextWorkspace(gone, { type: 'reset' })?.messages).toEqual([]);
  });

  test('has a place for what the app writes to a person directly', () => {
    const start = nextWorkspace(null, { type: 'snapshot', workspace });
    const more = nextWorkspace(start, { type: 'message', message: message('1.0', { channel: 'D1' }) });
    expect(more?.channels.map((channel) => channel.id)).toEqual(['C1', 'D1']);
    expect(start?.channels).toBe(workspace.channels);
  });

  test('keeps replies out of the channel unless they were broadcast to it', () => {
    expect(isReply(message('2.0', { thread_ts: '1.0' }))).toBe(true);
    expect(isReply(message('1.0', { thread_ts: '1.0' }))).toBe(false);
    expect(isReply(message('2.0', { thread_ts: '1.0', subtype: 'thread_broadcast' }))).toBe(false);
  });
});

describe('the groups of faults', () => {
  const fault = (name: string, group: string, on = false) => ({
    ...{ name, group, on, title: name, description: name, available: true },
  });
  const open = (chosen: string[] | null, on: string[]) =>
    groupsOf(
      [fault('a', 'Locks'), fault('b', 'Queries'), fault('c', 'Redis'), fault('d', 'Locks')].map((each) => ({
        ...each,
        on: on.includes(each.name),
      })),
      chosen && new Set(chosen),
    )
      .filter((group) => group.open)
      .map(({ name }) => name);

  test('the first one is open, and others by choice', () => {
    expect(open(null, [])).toEqual(['Locks']);
    expect(open([], [])).toEqual([]);
    expect(open(['Redis', 'Queries'], [])).toEqual(['Queries', 'Redis']);
  });

  test('one with a fault that is on is open, whatever was chosen', () => {
    expect(open(null, ['c'])).toEqual(['Locks', 'Redis']);
    expect(open([], ['b'])).toEqual(['Queries']);
  });

  test('each holds its own, and counts what is on', () => {
    const groups = groupsOf([fault('a', 'Locks', true), fault('b', 'Queries'), fault('d', 'Locks')], null);
    expect(groups.map(({ name, faults, on }) => [name, faults.length, on])).toEqual([
      ['Locks', 2, 1],
      ['Queries', 1, 0],
    ]);
  });
});
