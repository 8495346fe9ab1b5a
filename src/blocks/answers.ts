import type { Refusal } from '../incidents/policy.ts';
import { budgetWords } from '../mitigations/budget-words.ts';
import type { Incident } from '../store/incidents.ts';
import type { MitigationState } from '../store/mitigations.ts';
import { clip, escapeText, mention } from './text.ts';

const STATE_ANSWERS: Record<MitigationState, string> = {
  proposed: 'it has not been asked for yet',
  withdrawn: 'it was withdrawn',
  requested: 'it is already waiting for approval',
  denied: 'it was denied',
  expired: 'it expired, and nothing was done',
  approved: 'it is already approved',
  executing: 'it is already running',
  succeeded: 'it is already done',
  failed: 'it was tried and failed',
  'target-changed': 'its target changed, and nothing was done',
  interrupted: 'it was interrupted and is being verified',
  verified: 'it is already done, and latency recovered',
  'not-recovered': 'it is already done',
};

/** Why something was not done, for the one who tried; mrkdwn. */
export function refusalText(refusal: Refusal): string {
  switch (refusal.refused) {
    case 'not-a-member':
      return 'Only full members of this workspace may do that.';
    case 'not-a-requester':
      return `You may not ask for this. It is for ${refusal.allowed.map(mention).join(', ')}.`;
    case 'not-an-approver':
      return refusal.allowed.length > 0
        ? `You may not approve this. It is for ${refusal.allowed.map(mention).join(', ')}.`
        : 'Nobody may approve for this service: its configuration names no approvers.';
    case 'own-request':
      return 'You asked for this yourself, so somebody else has to approve it.';
    case 'people-unknown':
      return 'Slack did not say whether you are allowed to, so nothing was done. Try again in a moment.';
    case 'look-only':
      return 'The configuration of this service does not allow it: the bot has nothing to act through, nobody may approve, or this kind is disabled.';
    case 'budget-used':
      return `Not now: ${budgetWords(refusal.what, refusal.limit)}. Raise the limit or act by hand.`;
    case 'already-decided-by-you':
      return 'You have decided on this already.';
    case 'out-of-date':
      return `Too late: ${STATE_ANSWERS[refusal.state]}. The card shows where it stands.`;
    case 'expired':
      return 'Too late: this request has expired, and nothing was done. Look again and ask anew.';
    case 'target-changed':
      return `Nothing was done: ${escapeText(refusal.reason)}. Look again.`;
    case 'not-found':
      return 'This does not exist any more. Look at the newest card of the incident.';
    case 'incident-over':
      return 'This incident is already resolved. Type `/latency` to open a new one.';
    case 'already-running':
      return 'A run is under way already; look again when it is over.';
    case 'frozen':
      return `Nothing was done: ${mention(refusal.by)} has frozen all changes${because(refusal.reason)}. An approver lifts it with \`/latency unfreeze\`.`;
    case 'already-frozen':
      return `Changes are frozen already, by ${mention(refusal.by)}${because(refusal.reason)}.`;
    case 'not-frozen':
      return 'Changes are not frozen.';
    case 'not-alone':
      return refusal.allowed.length > 0
        ? `You may not act alone. In an emergency ${refusal.allowed.map(mention).join(', ')} may. Ask for approval instead.`
        : 'Nobody may act alone for this service: `approvals.breakGlass` names no users. Ask for approval instead.';
    case 'alone-used':
      return `Nobody may act alone more than ${refusal.limit} time${refusal.limit === 1 ? '' : 's'} in one incident. Ask for approval instead.`;
    case 'reason-too-short':
      return `Say in at least ${refusal.atLeast} characters why this cannot wait for an approval.`;
  }
}

function because(reason: string): string {
  return reason === '' ? '' : ` (${escapeText(clip(reason, 300))})`;
}

/** The private answer to `/latency`. */
export function openedText(incident: Incident, title: string, opened: boolean): string {
  const where = `<#${incident.channel}>`;
  return opened
    ? `INC-${incident.id} is open: looking where the time of ${escapeText(title)} goes. Follow the thread in ${where}.`
    : `INC-${incident.id} of ${escapeText(title)} is already open in ${where}; you joined it, and it is being looked at again.`;
}

/** The private answer to `/latency` while the bot's own store takes its time. */
export function stillOpeningText(title: string): string {
  return `Opening an incident of ${escapeText(title)}; the bot's own database is slow to answer. \`/latency status\` tells when it is open.`;
}

/** When only one probe was under way where a whole run was wanted. */
export const LOOK_AGAIN_SOON =
  'A single probe is looking just now, and only one look at a time is harmless. Press _Look again_ on the card in a few seconds.';
