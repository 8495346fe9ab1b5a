import { z } from 'zod';
import { openedText, refusalText } from '../blocks/answers.ts';
import { INPUTS, MAX_TEXT } from '../blocks/incident-dialogs.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { assignLead, resolveIncident } from '../incidents/lead.ts';
import { addNote } from '../incidents/note.ts';
import type { Refusal } from '../incidents/policy.ts';
import { setSeverity } from '../incidents/severity.ts';
import { startFrom } from '../incidents/start-from.ts';
import { permalinkOf } from './commands/reply.ts';
import { answerSubmission, fieldOf, type SubmissionArgs, type Submitted } from './submission.ts';

const AboutIncident = z.object({
  incidentId: z.int().positive(),
  cause: z.string().nullable().default(null),
});
const MaybeIncident = z.object({ incidentId: z.int().positive().optional() });
const Place = z.object({ channel: z.string(), ts: z.string() });
const AboutStart = z.object({ channel: z.string().nullable(), message: Place.nullable() });

const SAY_WHY = 'Say in a few words why.';
const MIN_WORDS = 3;

export function onSeverityDialog(deps: IncidentDeps, args: SubmissionArgs): Promise<void> {
  const { incidentId } = AboutIncident.parse(metadataOf(args));
  const severity = fieldOf(args.view, INPUTS.severity);
  const reason = fieldOf(args.view, INPUTS.reason);
  const work = async (): Promise<Submitted> => {
    if (severity !== 'P1' && severity !== 'P2') return { errors: { [INPUTS.severity]: 'Choose P1 or P2.' } };
    if (reason.length < MIN_WORDS) return { errors: { [INPUTS.reason]: SAY_WHY } };
    return outcome(await setSeverity(deps, incidentId, severity, args.body.user.id, reason));
  };
  return answerSubmission(args, work());
}

export function onAssignDialog(deps: IncidentDeps, args: SubmissionArgs): Promise<void> {
  const { incidentId } = AboutIncident.parse(metadataOf(args));
  const lead = fieldOf(args.view, INPUTS.lead);
  const work = async (): Promise<Submitted> => {
    if (lead === '') return { errors: { [INPUTS.lead]: 'Choose a person.' } };
    return outcome(await assignLead(deps, incidentId, lead, args.body.user.id));
  };
  return answerSubmission(args, work());
}

export function onNoteDialog(deps: IncidentDeps, args: SubmissionArgs): Promise<void> {
  const { incidentId } = MaybeIncident.parse(metadataOf(args));
  const chosen = incidentId ?? Number(fieldOf(args.view, INPUTS.incident));
  const note = fieldOf(args.view, INPUTS.note);
  const work = async (): Promise<Submitted> => {
    if (!Number.isSafeInteger(chosen) || chosen <= 0) {
      return { errors: { [INPUTS.incident]: 'Choose an incident.' } };
    }
    if (note.length < MIN_WORDS) return { errors: { [INPUTS.note]: 'Write what the timeline should say.' } };
    if (note.length > MAX_TEXT) {
      return { errors: { [INPUTS.note]: `At most ${MAX_TEXT} characters; this has ${note.length}.` } };
    }
    return outcome(await addNote(deps, chosen, args.body.user.id, note));
  };
  return answerSubmission(args, work());
}

const CONFIRMED: Record<string, (cause: string | null) => string> = {
  confirmed: (cause) => `Cause confirmed: ${cause ?? ''}.`,
  other: (cause) => (cause ? `It was not ${cause}, but something else:` : 'The cause was:'),
  unknown: () => 'Nobody knows the cause.',
};

export function onResolveDialog(deps: IncidentDeps, args: SubmissionArgs): Promise<void> {
  const { incidentId, cause } = AboutIncident.parse(metadataOf(args));
  const confirmed = fieldOf(args.view, INPUTS.confirmed);
  const reason = fieldOf(args.view, INPUTS.reason);
  const work = async (): Promise<Submitted> => {
    const words = Object.hasOwn(CONFIRMED, confirmed) ? CONFIRMED[confirmed] : undefined;
    if (!words) return { errors: { [INPUTS.confirmed]: 'Choose one of them.' } };
    if (confirmed === 'other' && reason.length < MIN_WORDS) {
      return { errors: { [INPUTS.reason]: 'Say what it was.' } };
    }
    const said = `${words(cause)} ${reason}`.trim();
    return outcome(await resolveIncident(deps, incidentId, args.body.user.id, said));
  };
  return answerSubmission(args, work());
}

export function onStartDialog(deps: IncidentDeps, args: SubmissionArgs): Promise<void> {
  const { channel, message } = AboutStart.parse(metadataOf(args));
  const service = deps.services.get(fieldOf(args.view, INPUTS.service));
  const text = fieldOf(args.view, INPUTS.note);
  const work = async (): Promise<Submitted> => {
    if (!service) return { errors: { [INPUTS.service]: 'Choose a service.' } };
    const { incident, opened } = await startFrom(deps, {
      service: service.id,
      channel: channel ?? service.channel,
      userId: args.body.user.id,
      source: message ? 'message-shortcut' : 'shortcut',
      text,
      url: message && (await permalinkOf({ client: args.client, log: deps.log }, message)),
    });
    return { title: `INC-${incident.id}`, said: openedText(incident, service.title, opened) };
  };
  return answerSubmission(args, work());
}

function outcome(result: object | Refusal): Submitted {
  return 'refused' in result ? { title: 'Not done', said: refusalText(result as Refusal) } : 'done';
}

function metadataOf({ view }: SubmissionArgs): unknown {
  return JSON.parse(view.private_metadata);
}
