import type { AllMiddlewareArgs, SlackCommandMiddlewareArgs } from '@slack/bolt';
import type { KnownBlock } from '@slack/types';
import type { Rendered } from '../blocks/kit.ts';
import { plainBlocks } from '../blocks/plain-blocks.ts';
import {
  lookingText,
  probeAnsweredText,
  probeBusyText,
  probeListText,
  probeLookingText,
  probeStartedText,
  stillAskingText,
  unknownProbeText,
} from '../blocks/probe-answers.ts';
import { reportMessage } from '../blocks/report-message.ts';
import type { NamedService } from '../config/schema.ts';
import { askProbe } from '../incidents/ask-probe.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import type { Looks } from '../incidents/looks.ts';
import { findProbe, PROBE_LIST, type ProbeInfo, type ProbeReport } from '../incidents/probe-report.ts';
import { inTime } from './in-time.ts';
import { nearest } from './nearest.ts';

type Args = SlackCommandMiddlewareArgs & AllMiddlewareArgs;

/** The probe that was named, or the private answer for a word that names none. */
export function namedProbe(word: string): ProbeInfo | { text: string } {
  if (word === '') return { text: probeListText(PROBE_LIST) };
  const near = nearest(
    word,
    PROBE_LIST.map(({ id }) => id),
  );
  return findProbe(word) ?? { text: unknownProbeText(word, near, PROBE_LIST) };
}

/** `/latency probe <id> [service]`, once it is known what and of whom. */
export async function onProbeCommand(
  deps: IncidentDeps,
  looks: Looks,
  { ack, respond, command }: Args,
  probe: ProbeInfo,
  service: NamedService,
): Promise<void> {
  const asking = askProbe(deps, {
    service: service.id,
    probeId: probe.id,
    requestedBy: command.user_id,
  });
  const { value, acknowledged } = await inTime(asking, () => privately(ack, stillAskingText(probe)));
  const tell = (text: string) => (acknowledged ? answer(respond, text) : privately(ack, text));
  switch (value.outcome) {
    case 'started':
      return tell(probeStartedText(probe, value.incident, value.run.id));
    case 'looking':
      return tell(probeLookingText(probe, value.run));
    case 'busy':
      return tell(probeBusyText(service));
    case 'answered':
      await tell(probeAnsweredText(probe, value.run.id));
      return show(deps, respond, value.report);
    case 'no-incident': {
      const looking = looks.look(service, probe.id);
      if (!looking) return tell(probeBusyText(service));
      // Awaited below; should the acknowledgement fail first, its error must not end the process.
      looking.catch(() => undefined);
      await tell(lookingText(probe, service));
      return show(deps, respond, await looking);
    }
  }
}

async function privately(ack: Args['ack'], text: string): Promise<void> {
  await ack({ response_type: 'ephemeral', text });
}

async function answer(respond: Args['respond'], text: string): Promise<void> {
  await respond({ response_type: 'ephemeral', replace_original: false, text });
}

/** Simpler and simpler, for a workspace that refuses charts or blocks; the last refusal is thrown. */
async function show(deps: IncidentDeps, respond: Args['respond'], report: ProbeReport): Promise<void> {
  const { text, blocks }: Rendered = reportMessage(report, { charts: true });
  for (const [name, attempt] of [
    ['drawn', blocks],
    ['plain', plainBlocks(blocks)],
  ] as const) {
    try {
      const shown = attempt as KnownBlock[];
      await respond({ response_type: 'ephemeral', replace_original: false, text, blocks: shown });
      return;
    } catch (err) {
      deps.log.warn({ err, probeId: report.probe.id, blocks: name }, 'Slack refuses a report');
    }
  }
  await answer(respond, text);
}
