import { refusedPayload, SlackError } from '../errors.ts';
import { isPerson } from '../identities.ts';
import type { OwnedView } from '../records.ts';
import { parseView, type ViewPayload, validateView } from '../validate/view.ts';
import { findExternalView, findView, modalsOf, openModal, publishHome, updateView } from '../views.ts';
import { type Args, invalidArguments, json, requiredText, text } from './args.ts';
import { type ApiCall, BOT, type Methods } from './method.ts';

/** The view of a call or of an acknowledgement, after Slack's checks of it. */
export function checkedView(view: unknown): ViewPayload {
  const verdict = validateView(view);
  if (!verdict.ok) throw refusedPayload(verdict.error, verdict.problems);
  return parseView(view);
}

function viewOf(args: Args): ViewPayload {
  const view = json(args, 'view', 'invalid_arguments');
  if (view === undefined) throw invalidArguments('missing required field: view');
  return checkedView(view);
}

function open(how: 'open' | 'push') {
  return ({ workspace, args }: ApiCall): Record<string, unknown> => {
    const id = requiredText(args, 'trigger_id');
    const payload = viewOf(args);
    const { user, act, viewId } = workspace.triggers.exchange(id);
    if (how === 'push' && !modalsOf(workspace, user).some((one) => one.id === viewId)) {
      throw new SlackError('not_found');
    }
    const view = openModal(workspace, user, payload, how);
    act.viewIds.add(view.id);
    workspace.acts.answer(act, { view });
    return { view };
  };
}

function update({ workspace, args }: ApiCall): Record<string, unknown> {
  const view = updateView(workspace, named(args, workspace), viewOf(args), text(args, 'hash') || undefined);
  workspace.acts.sawView(view);
  return { view };
}

function named(args: Args, workspace: ApiCall['workspace']): OwnedView {
  const viewId = text(args, 'view_id');
  if (viewId) return findView(workspace, viewId);
  const externalId = text(args, 'external_id');
  if (externalId) return findExternalView(workspace, externalId);
  throw invalidArguments('must provide one of: view_id, external_id');
}

function publish({ workspace, args }: ApiCall): Record<string, unknown> {
  const user = requiredText(args, 'user_id');
  if (!isPerson(user)) throw new SlackError('user_not_found');
  const view = publishHome(workspace, user, viewOf(args), text(args, 'hash') || undefined);
  workspace.acts.sawHome(user, view);
  return { view };
}

export const viewMethods: Methods = {
  'views.open': { tier: 4, callers: BOT, run: open('open') },
  'views.push': { tier: 4, callers: BOT, run: open('push') },
  'views.update': { tier: 4, callers: BOT, run: update },
  'views.publish': { tier: 4, callers: BOT, run: publish },
};
