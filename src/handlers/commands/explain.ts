import {
  ambiguousStatementText,
  explainingText,
  knownStatementsText,
  notAFingerprintText,
} from '../../blocks/explain-answers.ts';
import { probeBusyText } from '../../blocks/probe-answers.ts';
import { reportMessage } from '../../blocks/report-message.ts';
import { when } from '../../blocks/text.ts';
import type { NamedService } from '../../config/schema.ts';
import { explainOne, knownStatements } from '../../incidents/explain-one.ts';
import type { Command, Use } from './command.ts';
import { incidentHere } from './find-incident.ts';
import { findService } from './find-service.ts';

/** At least so much of a fingerprint: less would be a word. */
const FINGERPRINT = /^[0-9a-f]{6,32}$/;

export const explain: Command = {
  name: 'explain',
  usage: '<fingerprint> [service]',
  does: 'the plan of one statement and what is wrong with it; alone it lists the statements seen last',
  async run(use) {
    const { deps, asked, words, reply } = use;
    const [fingerprint = '', ...rest] = words;
    const here = rest[0] === undefined && asked.threadTs !== null ? await incidentHere(deps, asked) : null;
    const service = findService(use, rest[0] ?? here?.service);
    if ('text' in service) return reply.tell(service.text);
    if (fingerprint === '') {
      return reply.tell(knownStatementsText(service.title, await knownStatements(deps, service.id)));
    }
    const wanted = fingerprint.toLowerCase();
    if (!FINGERPRINT.test(wanted)) return reply.tell(notAFingerprintText(fingerprint));
    return show(use, service, wanted);
  },
};

async function show({ deps, looks, reply }: Use, service: NamedService, wanted: string): Promise<void> {
  const found = await explainOne(deps, looks, service, wanted);
  switch (found.outcome) {
    case 'ambiguous':
      return reply.tell(ambiguousStatementText(found.statements));
    case 'busy':
      return reply.tell(probeBusyText(service));
    case 'stored': {
      const at = found.run.startedAt ? ` ${when(found.run.startedAt)}` : '';
      return reply.show(
        reportMessage(found.report, { charts: true, provenance: `of run ${found.run.id}${at}` }),
      );
    }
    case 'looking': {
      // Awaited below; should the acknowledgement fail first, its error must not end the process.
      found.report.catch(() => undefined);
      await reply.tell(explainingText(service));
      return reply.show(reportMessage(await found.report, { charts: true }));
    }
  }
}
