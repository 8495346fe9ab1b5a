import { LOOK_AGAIN_SOON, openedText, stillOpeningText } from '../../blocks/answers.ts';
import type { NamedService } from '../../config/schema.ts';
import { openIncident } from '../../incidents/open-incident.ts';
import { startRun } from '../../incidents/run.ts';
import { runningRunOf } from '../../store/runs.ts';
import type { Use } from './command.ts';

/** Opens an incident of this service, or joins the open one, and has it looked at. */
export async function startIncident(use: Use, service: NamedService): Promise<void> {
  const { deps, asked, reply } = use;
  reply.whenSlow(stillOpeningText(service.title));
  const { incident, opened } = await openIncident(deps, {
    service: service.id,
    channel: asked.channel,
    source: asked.source,
    title: asked.source === 'mention' ? 'a mention of the bot' : `/latency by ${asked.userName}`,
    actor: asked.userId,
  });
  await reply.say(openedText(incident, service.title, opened));
  if (await startRun(deps, incident, { kind: 'triage', requestedBy: asked.userId, mitigationId: null }))
    return;
  // A triage run under way is what was asked for; a run of one probe is not.
  const running = await runningRunOf(deps.db, service.id);
  if (running?.kind === 'probe') await reply.tell(LOOK_AGAIN_SOON);
}
