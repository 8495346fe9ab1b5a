import type {
  AllMiddlewareArgs,
  BlockOverflowAction,
  ButtonAction,
  SlackActionMiddlewareArgs,
} from '@slack/bolt';
import type { IncidentDeps } from '../incidents/deps.ts';
import type { ButtonArgs } from './buttons.ts';
import { onMakeHandover, onOpenDialog } from './incident-buttons.ts';

type Args = SlackActionMiddlewareArgs<BlockOverflowAction> & AllMiddlewareArgs;

/** The menu of the card: each of its options stands for a button, as `<action id>:<incident>`. */
export async function onIncidentMenu(deps: IncidentDeps, args: Args): Promise<void> {
  const [actionId = '', value = ''] = args.action.selected_option.value.split(':');
  const button: ButtonAction = {
    type: 'button',
    action_id: actionId,
    block_id: args.action.block_id,
    action_ts: args.action.action_ts,
    text: { type: 'plain_text', text: actionId },
    value,
  };
  const clicked: ButtonArgs = {
    ...args,
    action: button,
    payload: button,
    body: { ...args.body, actions: [button] },
  };
  if (actionId === 'make-handover') return onMakeHandover(deps, clicked);
  return onOpenDialog(deps, clicked);
}
