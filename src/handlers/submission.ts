import type { AllMiddlewareArgs, SlackViewMiddlewareArgs, ViewSubmitAction } from '@slack/bolt';
import { saidDialog } from '../blocks/incident-dialogs.ts';
import { inTime } from './in-time.ts';

export type SubmissionArgs = SlackViewMiddlewareArgs<ViewSubmitAction> & AllMiddlewareArgs;

/** What came of a dialog: it closes, it says what is wrong beside its inputs, or it says something instead. */
export type Submitted = 'done' | { errors: Record<string, string> } | { title: string; said: string };

const SLOW = {
  title: 'Being stored',
  said: "The bot's own database is slow to answer. What comes of it is shown here.",
};

/** Answers a submission in the dialog itself, within Slack's 3 s. */
export async function answerSubmission(
  { ack, client, view }: SubmissionArgs,
  work: Promise<Submitted>,
): Promise<void> {
  const late = () => ack({ response_action: 'update', view: saidDialog(SLOW.title, SLOW.said) });
  const { value, acknowledged } = await inTime(work, late);
  if (acknowledged) {
    const { title, said } = wordsOf(value);
    await client.views.update({ view_id: view.id, view: saidDialog(title, said) });
  } else if (value === 'done') {
    await ack();
  } else if ('errors' in value) {
    await ack({ response_action: 'errors', errors: value.errors });
  } else {
    await ack({ response_action: 'update', view: saidDialog(value.title, value.said) });
  }
}

function wordsOf(submitted: Submitted): { title: string; said: string } {
  if (submitted === 'done')
    return { title: 'Done', said: 'It is stored; the card of the incident shows it.' };
  if ('said' in submitted) return submitted;
  return { title: 'Not stored', said: Object.values(submitted.errors).join(' ') };
}

/** What stands in an input, whatever kind it is; empty when nothing does. */
export function fieldOf(view: SubmissionArgs['view'], name: string): string {
  const state = view.state.values[name]?.[name];
  return (state?.value ?? state?.selected_option?.value ?? state?.selected_user ?? '').trim();
}
