/** Text as Block Kit writes it. */
export interface TextObject {
  type: 'plain_text' | 'mrkdwn';
  text: string;
}

/** One choice of a select, radio group, checkbox group or overflow menu. */
export interface Option {
  text: TextObject;
  value: string;
  description?: TextObject;
  url?: string;
}

/** The question Slack asks before it sends a click. */
export interface Confirm {
  title: TextObject;
  text: TextObject;
  confirm: TextObject;
  deny: TextObject;
  style?: 'primary' | 'danger';
}

/** An interactive element or an image: the union of the fields this page reads. */
export interface Element {
  type: string;
  action_id?: string;
  text?: TextObject;
  value?: string;
  url?: string;
  style?: 'primary' | 'danger';
  confirm?: Confirm;
  accessibility_label?: string;
  placeholder?: TextObject;
  options?: Option[];
  option_groups?: { label: TextObject; options: Option[] }[];
  initial_option?: Option;
  initial_options?: Option[];
  initial_value?: string;
  initial_user?: string;
  initial_users?: string[];
  initial_channel?: string;
  initial_conversation?: string;
  initial_date?: string;
  initial_time?: string;
  initial_date_time?: number;
  multiline?: boolean;
  min_length?: number;
  max_length?: number;
  is_decimal_allowed?: boolean;
  min_value?: string;
  max_value?: string;
  focus_on_load?: boolean;
  image_url?: string;
  alt_text?: string;
  icon?: string;
  positive_button?: { text: TextObject; value: string; accessibility_label?: string };
  negative_button?: { text: TextObject; value: string; accessibility_label?: string };
}

/** A cell of `table` and `data_table`. */
export interface Cell {
  type: 'raw_text' | 'raw_number' | 'rich_text';
  text?: string;
  value?: number;
  elements?: unknown[];
}

/** A Block Kit block: the union of the fields this page reads. */
export interface Block {
  type: string;
  block_id?: string;
  text?: TextObject;
  level?: number | string;
  fields?: TextObject[];
  accessory?: Element;
  elements?: Element[];
  element?: Element;
  label?: TextObject;
  hint?: TextObject;
  optional?: boolean;
  dispatch_action?: boolean;
  title?: TextObject | string;
  rich_text_title?: Block;
  subtitle?: TextObject;
  subtext?: TextObject;
  body?: TextObject;
  actions?: Element[];
  child_blocks?: Block[];
  is_collapsible?: boolean;
  default_collapsed?: boolean;
  rows?: Cell[][];
  caption?: string;
  page_size?: number;
  row_header_column_index?: number;
  column_settings?: ({ align?: 'left' | 'center' | 'right'; is_wrapped?: boolean } | null)[];
  chart?: { type: string; axis_config?: { categories: string[] } };
}

/** A message as Slack's API gives it. */
export interface Message {
  channel: string;
  ts: string;
  thread_ts?: string;
  user: string;
  bot_id?: string;
  subtype?: string;
  text: string;
  blocks?: Block[];
  is_ephemeral?: boolean;
  edited?: { user: string; ts: string };
  reply_count?: number;
  reactions?: { name: string; users: string[]; count: number }[];
  files?: { id: string; name: string; title?: string; size?: number; permalink?: string }[];
}

/** A modal or the App Home. */
export interface View {
  id: string;
  type: 'modal' | 'home';
  title?: TextObject;
  submit?: TextObject;
  close?: TextObject;
  blocks: Block[];
}

/** A person or a bot of the workspace. */
export interface User {
  id: string;
  name: string;
  realName: string;
  title: string;
  color: string;
  isBot: boolean;
}

/** A channel of the workspace. */
export interface Channel {
  id: string;
  name: string;
  topic: string;
}

/** A slash command the app registered. */
export interface Command {
  command: string;
  description: string;
  usage_hint?: string;
}

/** A shortcut the app registered: on a message, or global. */
export interface Shortcut {
  callback_id: string;
  name: string;
  type: 'message' | 'global';
}

/** All that one user sees of the workspace at one moment. */
export interface Workspace {
  team: { id: string; name: string };
  me: string;
  users: User[];
  usergroups?: { id: string; name: string; handle: string }[];
  channels: Channel[];
  messages: Message[];
  ephemerals: Message[];
  home: View | null;
  modals: View[];
  commands: Command[];
  shortcuts: Shortcut[];
}

/** What the event stream says. */
export type WorkspaceEvent =
  | { type: 'snapshot'; workspace: Workspace }
  | { type: 'message'; message: Message }
  | { type: 'message_deleted'; channel: string; ts: string }
  | { type: 'ephemeral'; message: Message }
  | { type: 'ephemeral_deleted'; channel: string; ts: string }
  | { type: 'home'; view: View | null }
  | { type: 'modals'; modals: View[] }
  | { type: 'reset' };

/** The value of one input: text, an option, several options, or nothing. */
export type Value = string | string[] | null;

/** Where a click happened. */
export type Place = { channel: string; ts: string } | { view_id: string };

/** What a person does; `as` is added when it is sent. */
export type Deed =
  | { do: 'command'; channel: string; command: string; text: string }
  | ({
      do: 'click';
      action_id: string;
      block_id?: string;
      value?: Value;
      values?: Record<string, Record<string, Value>>;
    } & Place)
  | { do: 'submit'; view_id: string; values: Record<string, Record<string, Value>> }
  | { do: 'close'; view_id: string }
  | { do: 'message'; channel: string; text: string; thread_ts?: string }
  | { do: 'home' }
  | { do: 'shortcut'; callback_id: string; channel?: string; ts?: string };

/** What became of a deed; `shown` is the words Slack would show, `message` explains a request that was wrong. */
export type Answer =
  | { ok: true; errors?: Record<string, string> | null }
  | { ok: false; error: string; shown?: string; message?: string };
