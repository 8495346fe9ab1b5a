import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { initialValues } from './act/values.ts';
import { SlackError } from './errors.ts';
import { APP_ID, BOT_ID, TEAM } from './identities.ts';
import type { Table } from './journal.ts';
import { normaliseBlocks } from './normalise.ts';
import type { OwnedView, StateValues, View } from './records.ts';
import type { ViewPayload } from './validate/view.ts';
import type { Workspace } from './workspace.ts';

const MAX_STACK = 3;

function views(workspace: Workspace): Table<OwnedView> {
  return workspace.journal.table<OwnedView>('views');
}

/** The modals a person has open, the visible one last. */
export function modalsOf(workspace: Workspace, user: string): View[] {
  const ids = workspace.journal.table<string[]>('stacks').get(user) ?? [];
  return ids.map((id) => findView(workspace, id).view);
}

/** The Home tab of a person, if the app published one. */
export function homeOf(workspace: Workspace, user: string): View | null {
  const id = workspace.journal.table<string>('homes').get(user);
  return id === undefined ? null : findView(workspace, id).view;
}

/** A view that somebody can see. */
export function findView(workspace: Workspace, id: string): OwnedView {
  const owned = views(workspace).get(id);
  if (!owned) throw new SlackError('not_found');
  return owned;
}

/** The view with this `external_id`. */
export function findExternalView(workspace: Workspace, externalId: string): OwnedView {
  const owned = views(workspace)
    .values()
    .find((one) => one.view.external_id === externalId);
  if (!owned) throw new SlackError('not_found');
  return owned;
}

function build(workspace: Workspace, payload: ViewPayload, place: { id?: string; previous?: View }): View {
  const id = place.id ?? `V${randomBytes(6).toString('hex').toUpperCase()}`;
  const blocks = normaliseBlocks(payload.blocks);
  const modal = payload.type === 'modal' ? payload : undefined;
  return {
    id,
    team_id: TEAM.id,
    type: payload.type,
    blocks,
    private_metadata: payload.private_metadata ?? '',
    callback_id: payload.callback_id ?? '',
    external_id: payload.external_id ?? '',
    state: { values: initialValues(blocks) },
    hash: `${Math.floor(workspace.clock() / 1000)}.${randomBytes(4).toString('hex')}`,
    ...(modal && { title: modal.title, close: modal.close ?? null, submit: modal.submit ?? null }),
    clear_on_close: modal?.clear_on_close ?? false,
    notify_on_close: modal?.notify_on_close ?? false,
    previous_view_id: place.previous?.id ?? null,
    root_view_id: place.previous?.root_view_id ?? id,
    app_id: APP_ID,
    bot_id: BOT_ID,
    app_installed_team_id: TEAM.id,
  };
}

/** Opens a modal: the first, or on top of those that are open. */
export function openModal(
  workspace: Workspace,
  user: string,
  payload: ViewPayload,
  how: 'open' | 'push',
): View {
  if (payload.type !== 'modal') throw new SlackError('invalid_arguments');
  refuseExternalId(workspace, payload);
  const stack = modalsOf(workspace, user);
  const previous = stack.at(-1);
  if (how === 'push' && stack.length >= MAX_STACK) throw new SlackError('push_limit_reached');
  if (how === 'open') for (const one of stack) views(workspace).delete(one.id);
  const view = build(workspace, payload, how === 'push' && previous ? { previous } : {});
  views(workspace).set(view.id, { owner: user, view });
  setStack(workspace, user, how === 'push' ? [...stack.map((one) => one.id), view.id] : [view.id]);
  return view;
}

function refuseExternalId(workspace: Workspace, payload: ViewPayload, own?: string): void {
  if (payload.external_id === undefined) return;
  const taken = views(workspace)
    .values()
    .some((one) => one.view.external_id === payload.external_id && one.view.id !== own);
  if (taken) throw new SlackError('duplicate_external_id');
}

/** Replaces a view that is open; a hash that is not the present one is refused. */
export function updateView(
  workspace: Workspace,
  owned: OwnedView,
  payload: ViewPayload,
  hash?: string,
): View {
  const { owner, view: before } = owned;
  if (payload.type !== before.type) throw new SlackError('invalid_arguments');
  if (hash !== undefined && hash !== before.hash) throw new SlackError('hash_conflict');
  refuseExternalId(workspace, payload, before.id);
  const built = build(workspace, payload, { id: before.id });
  const view = {
    ...built,
    state: { values: keptValues(before, built) },
    previous_view_id: before.previous_view_id,
    root_view_id: before.root_view_id,
  };
  views(workspace).set(view.id, { owner, view });
  showView(workspace, owner, view);
  return view;
}

/** A field that is still there keeps what the person entered: that is why Slack asks for new ids to reset one. */
function keptValues(before: View, after: View): StateValues {
  const untouched = initialValues(before.blocks);
  const entered = (block: string, action: string) => {
    const state = before.state.values[block]?.[action];
    return isDeepStrictEqual(state, untouched[block]?.[action]) ? undefined : state;
  };
  const values: StateValues = {};
  for (const [block, actions] of Object.entries(after.state.values)) {
    const kept = Object.entries(actions).map(([action, state]) => {
      const old = entered(block, action);
      return [action, old?.type === state.type ? old : state] as const;
    });
    values[block] = Object.fromEntries(kept);
  }
  return values;
}

/** Publishes the Home tab of a person. */
export function publishHome(workspace: Workspace, user: string, payload: ViewPayload, hash?: string): View {
  if (payload.type !== 'home') throw new SlackError('invalid_arguments');
  if (!workspace.manifest.homeTab) throw new SlackError('not_enabled');
  const before = homeOf(workspace, user);
  if (before) return updateView(workspace, { owner: user, view: before }, payload, hash);
  refuseExternalId(workspace, payload);
  const view = build(workspace, payload, {});
  views(workspace).set(view.id, { owner: user, view });
  workspace.journal.table<string>('homes').set(user, view.id);
  showView(workspace, user, view);
  return view;
}

/** Closes the visible modal, or all of them; returns those that closed. */
export function closeModals(workspace: Workspace, user: string, which: 'top' | 'all'): View[] {
  const stack = modalsOf(workspace, user);
  const kept = which === 'all' ? [] : stack.slice(0, -1);
  const closed = stack.slice(kept.length);
  setStack(
    workspace,
    user,
    kept.map((one) => one.id),
  );
  for (const one of closed) views(workspace).delete(one.id);
  return closed;
}

/** Keeps what a person has entered so far. */
export function rememberValues(
  workspace: Workspace,
  owned: OwnedView,
  values: View['state']['values'],
): View {
  const view = { ...owned.view, state: { values } };
  views(workspace).set(view.id, { owner: owned.owner, view });
  return view;
}

function setStack(workspace: Workspace, user: string, ids: string[]): void {
  workspace.journal.table<string[]>('stacks').set(user, ids);
  workspace.live.publish([user], { type: 'modals', modals: modalsOf(workspace, user) });
}

function showView(workspace: Workspace, user: string, view: View): void {
  if (view.type === 'home') workspace.live.publish([user], { type: 'home', view });
  else workspace.live.publish([user], { type: 'modals', modals: modalsOf(workspace, user) });
}
