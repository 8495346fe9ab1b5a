import {
  lookingText,
  probeAnsweredText,
  probeBusyText,
  probeListText,
  probeLookingText,
  probeStartedText,
  stillAskingText,
  unknownProbeText,
} from '../../blocks/probe-answers.ts';
import { reportMessage } from '../../blocks/report-message.ts';
import type { NamedService } from '../../config/schema.ts';
import { askProbe } from '../../incidents/ask-probe.ts';
import { findProbe, PROBE_LIST, type ProbeInfo } from '../../incidents/probe-report.ts';
import { nearest } from '../nearest.ts';
import type { Command, Use } from './command.ts';
import { incidentHere } from './find-incident.ts';
import { findService } from './find-service.ts';

export const probe: Command = {
  name: 'probe',
  usage: '[probe] [service]',
  does: 'look at one thing and change nothing; alone it lists what there is to look at',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const named = namedProbe(words[0] ?? '');
    if ('text' in named) return reply.tell(named.text);
    // In the thread of an incident its service is meant.
    const here = words[1] === undefined && asked.threadTs !== null ? await incidentHere(deps, asked) : null;
    const service = findService(use, words[1] ?? here?.service);
    return 'text' in service ? reply.tell(service.text) : look(use, named, service);
  },
};

/** The probe that was named, or the private answer for a word that names none. */
function namedProbe(word: string): ProbeInfo | { text: string } {
  if (word === '') return { text: probeListText(PROBE_LIST) };
  const id = word.toLowerCase();
  const near = nearest(
    id,
    PROBE_LIST.map((one) => one.id),
  );
  return findProbe(id) ?? { text: unknownProbeText(word, near, PROBE_LIST) };
}

async function look(
  { deps, looks, asked, reply }: Use,
  wanted: ProbeInfo,
  service: NamedService,
): Promise<void> {
  reply.whenSlow(stillAskingText(wanted));
  const request = { service: service.id, probeId: wanted.id, requestedBy: asked.userId };
  const answer = await askProbe(deps, request);
  switch (answer.outcome) {
    case 'started':
      return reply.say(probeStartedText(wanted, answer.incident, answer.run.id));
    case 'looking':
      return reply.say(probeLookingText(wanted, answer.run));
    case 'busy':
      return reply.tell(probeBusyText(service));
    case 'answered':
      await reply.say(probeAnsweredText(wanted, answer.run.id));
      return reply.show(reportMessage(answer.report, { charts: true }));
    case 'no-incident': {
      const looking = looks.look(service, wanted.id);
      if (!looking) return reply.tell(probeBusyText(service));
      // Awaited below; should the acknowledgement fail first, its error must not end the process.
      looking.catch(() => undefined);
      await reply.tell(lookingText(wanted, service));
      return reply.show(reportMessage(await looking, { charts: true }));
    }
  }
}
