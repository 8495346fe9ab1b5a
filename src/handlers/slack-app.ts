import {
  App,
  type BlockButtonAction,
  type BlockOverflowAction,
  type GlobalShortcut,
  HTTPReceiver,
  type MessageShortcut,
  type Receiver,
  type ViewSubmitAction,
} from '@slack/bolt';
import type { ExtendedErrorHandlerArgs } from '@slack/bolt/dist/App.js';
import type { Logger } from 'pino';
import { z } from 'zod';
import { DIALOGS, saidDialog } from '../blocks/incident-dialogs.ts';
import { REQUEST_DIALOG, refusedDialog } from '../blocks/request-dialog.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { createLooks } from '../incidents/looks.ts';
import { slackClientOptions } from '../publisher/slack-client.ts';
import { isFirstDelivery } from '../store/interactions.ts';
import { onActAlone } from './act-alone.ts';
import { answered, apology } from './answered.ts';
import { boltLogger } from './bolt-logger.ts';
import { onDecide, onLookAgain, onRequestMitigation, onResolve, onStop, onTakeLead } from './buttons.ts';
import { onLatencyCommand } from './command.ts';
import { createHome } from './home.ts';
import { onIncidentButton, onIncidentMenu } from './incident-buttons.ts';
import {
  onAssignDialog,
  onNoteDialog,
  onResolveDialog,
  onSeverityDialog,
  onStartDialog,
} from './incident-submissions.ts';
import { onMention } from './mention.ts';
import { onRequestSubmission } from './request-submission.ts';
import { onInvestigateShortcut, onStartShortcut, onTimelineShortcut, SHORTCUTS } from './shortcuts.ts';
import type { SubmissionArgs } from './submission.ts';

export interface SlackAppOptions {
  botToken: string;
  botId: string;
  botUserId: string;
  apiUrl: string;
  receiver: Receiver;
  log: Logger;
}

/** The Bolt app with every listener of the bot; the receiver decides how Slack reaches it. */
export function createSlackApp(options: SlackAppOptions, deps: IncidentDeps): App {
  const app = new App({
    receiver: options.receiver,
    token: options.botToken,
    botId: options.botId,
    botUserId: options.botUserId,
    tokenVerificationEnabled: false,
    clientOptions: slackClientOptions(options.apiUrl),
    logger: boltLogger(options.log),
    extendedErrorHandler: true,
  });
  const looks = createLooks(deps);
  app.command('/latency', (args) =>
    answered(
      args.ack,
      options.log.child({ slackUserId: args.body.user_id }),
      (ack) => onLatencyCommand(deps, looks, { ...args, ack }),
      (text) => ({ response_type: 'ephemeral' as const, text }),
    ),
  );
  app.action<BlockButtonAction>(/^request-mitigation:\d+$/, (args) => onRequestMitigation(deps, args));
  app.action<BlockButtonAction>('approve-mitigation', (args) => onDecide(deps, 'approve', args));
  app.action<BlockButtonAction>('deny-mitigation', (args) => onDecide(deps, 'deny', args));
  app.action<BlockButtonAction>('stop-mitigation', (args) => onStop(deps, args));
  app.action<BlockButtonAction>('act-alone', (args) => onActAlone(deps, args));
  app.action<BlockButtonAction>('look-again', (args) => onLookAgain(deps, args));
  app.action<BlockButtonAction>('take-lead', (args) => onTakeLead(deps, args));
  app.action<BlockButtonAction>('resolve-incident', (args) => onResolve(deps, args));
  app.view<ViewSubmitAction>({ type: 'view_submission', callback_id: REQUEST_DIALOG }, (args) =>
    answered(
      args.ack,
      options.log.child({ slackUserId: args.body.user.id }),
      (ack) => onRequestSubmission(deps, { ...args, ack }),
      (text) => ({ response_action: 'update' as const, view: refusedDialog(text) }),
    ),
  );
  app.event('app_home_opened', createHome(deps));
  app.event('app_mention', async (args) => {
    if (await isFirstDelivery(deps.db, args.body.event_id)) await onMention(deps, looks, args);
  });
  registerDialogs(app, options.log, deps);
  registerShortcuts(app, deps);
  app.error(async (args: ExtendedErrorHandlerArgs) => tellUser(app, options.log, args));
  return app;
}

const SUBMISSIONS: Readonly<Record<string, (deps: IncidentDeps, args: SubmissionArgs) => Promise<void>>> = {
  [DIALOGS.severity]: onSeverityDialog,
  [DIALOGS.assign]: onAssignDialog,
  [DIALOGS.note]: onNoteDialog,
  [DIALOGS.resolve]: onResolveDialog,
  [DIALOGS.start]: onStartDialog,
};

/** The dialogs about an incident as a whole, and the buttons of the card that open them. */
function registerDialogs(app: App, log: Logger, deps: IncidentDeps): void {
  const buttons = /^(open-(severity|assign|note|resolve)|show-report|make-handover)$/;
  app.action<BlockButtonAction>({ type: 'block_actions', action_id: buttons }, (args) =>
    onIncidentButton(deps, args),
  );
  app.action<BlockOverflowAction>('incident-menu', (args) => onIncidentMenu(deps, args));
  for (const [callbackId, listener] of Object.entries(SUBMISSIONS)) {
    app.view<ViewSubmitAction>({ type: 'view_submission', callback_id: callbackId }, (args) =>
      answered(
        args.ack,
        log.child({ slackUserId: args.body.user.id }),
        (ack) => listener(deps, { ...args, ack }),
        (text) => ({ response_action: 'update' as const, view: saidDialog('Not done', text) }),
      ),
    );
  }
}

function registerShortcuts(app: App, deps: IncidentDeps): void {
  app.shortcut<GlobalShortcut>({ type: 'shortcut', callback_id: SHORTCUTS.start }, (args) =>
    onStartShortcut(deps, args),
  );
  app.shortcut<MessageShortcut>({ type: 'message_action', callback_id: SHORTCUTS.investigate }, (args) =>
    onInvestigateShortcut(deps, args),
  );
  app.shortcut<MessageShortcut>({ type: 'message_action', callback_id: SHORTCUTS.addToTimeline }, (args) =>
    onTimelineShortcut(deps, args),
  );
}

/** Slack over HTTP, for workspaces where the bot has a public URL. */
export function createHttpReceiver(signingSecret: string, log: Logger): HTTPReceiver {
  return new HTTPReceiver({ signingSecret, logger: boltLogger(log), endpoints: ['/slack/events'] });
}

/** Where an error of a listener meets Slack: in words for the one who acted, in full in the log. */
async function tellUser(app: App, log: Logger, { error, body }: ExtendedErrorHandlerArgs): Promise<void> {
  const cause = 'original' in error ? error.original : error;
  const { user, channel } = whereOf(body);
  log.error({ err: cause ?? error, slackUserId: user }, 'a Slack listener broke');
  if (!user || !channel) return;
  await app.client.chat
    .postEphemeral({
      channel,
      user,
      text: apology(cause),
    })
    .catch((err) => log.warn({ err }, 'telling a user about an error'));
}

/** Commands, clicks and submissions name user and channel differently; events may name neither. */
const Interaction = z.object({
  user: z.object({ id: z.string() }).optional(),
  user_id: z.string().optional(),
  channel: z.object({ id: z.string() }).optional(),
  channel_id: z.string().optional(),
  event: z.object({ user: z.string().optional(), channel: z.string().optional() }).optional(),
});

function whereOf(body: unknown): { user: string | undefined; channel: string | undefined } {
  const { data } = Interaction.safeParse(body);
  return {
    user: data?.user?.id ?? data?.user_id ?? data?.event?.user,
    channel: data?.channel?.id ?? data?.channel_id ?? data?.event?.channel,
  };
}
