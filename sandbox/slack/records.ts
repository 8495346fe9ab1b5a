/** A message as the workspace keeps it: Slack's JSON and its channel. */
export interface Message {
  type: 'message';
  subtype?: string;
  channel: string;
  ts: string;
  user: string;
  text: string;
  team: string;
  blocks?: Block[];
  attachments?: unknown[];
  metadata?: unknown;
  bot_id?: string;
  app_id?: string;
  client_msg_id?: string;
  thread_ts?: string;
  parent_user_id?: string;
  reply_count?: number;
  reply_users?: string[];
  reply_users_count?: number;
  latest_reply?: string;
  edited?: { user: string; ts: string };
  reactions?: { name: string; users: string[]; count: number }[];
  pinned_to?: string[];
  files?: FileRecord[];
  is_ephemeral?: true;
}

/** A block that passed validation. */
export type Block = Record<string, unknown> & { type: string };

/** A view as Slack returns it. */
export interface View {
  id: string;
  team_id: string;
  type: 'modal' | 'home';
  blocks: Block[];
  private_metadata: string;
  callback_id: string;
  external_id: string;
  state: { values: StateValues };
  hash: string;
  title?: unknown;
  close?: unknown;
  submit?: unknown;
  clear_on_close: boolean;
  notify_on_close: boolean;
  previous_view_id: string | null;
  root_view_id: string;
  app_id: string;
  bot_id: string;
  app_installed_team_id: string;
}

/** `state.values[block_id][action_id]`. */
export type StateValues = Record<string, Record<string, ElementState>>;
/** What one element holds, in the form of its type. */
export type ElementState = { type: string } & Record<string, unknown>;

/** A view and the person who sees it. */
export interface OwnedView {
  owner: string;
  view: View;
}

/** A shared or still incomplete upload. */
export interface FileRecord {
  id: string;
  name: string;
  title: string;
  size: number;
  mimetype: string;
  url_private: string;
  permalink: string;
}

/** What a `response_url` stands for. */
export interface ResponseUrl {
  user: string;
  channel: string;
  issuedAt: number;
  uses: number;
  threadTs?: string;
  /** The message that was clicked on; a command has none. */
  source?: { ts: string; ephemeral: boolean };
}

/** What the page hears about, as it happens. */
export type LiveEvent =
  | { type: 'message'; message: Message }
  | { type: 'message_deleted'; channel: string; ts: string }
  | { type: 'ephemeral'; message: Message }
  | { type: 'ephemeral_deleted'; channel: string; ts: string }
  | { type: 'home'; view: View }
  | { type: 'modals'; modals: View[] }
  | { type: 'reset' };
