import { backendTarget, lockRelease } from '../mitigations/backend-target.ts';
import { neverTouch } from '../mitigations/never-touch.ts';
import type { Session } from '../targets/backend.ts';
import type { Proposal } from './diagnosis.ts';
import type { Facts } from './facts.ts';
import { sessionName } from './words.ts';

/** Either an act worth offering, or the reason why there is no button. */
export type Offer = { proposal: Proposal } | { withheld: string };

const SIGNALS = {
  'cancel-query': { verb: 'Cancel the query of', risk: 'low' },
  'terminate-backend': { verb: 'Terminate', risk: 'medium' },
} as const;

/** Offers to signal a session, unless it is on the never-list. What the service lets the bot do is not judged here. */
export function offerSignal(kind: keyof typeof SIGNALS, session: Session, facts: Facts): Offer {
  const name = sessionName(session);
  const forbidden = neverTouch(session, facts.service);
  if (forbidden) return { withheld: `No button for ${name}: ${forbidden}.` };
  const { verb, risk } = SIGNALS[kind];
  return {
    proposal: {
      kind,
      title: `${verb} ${name}`,
      risk,
      target: backendTarget(session),
      dryRun: lockRelease(session.pid, session.xactAgeMs, facts.reports['lock-tree']?.nodes ?? []),
    },
  };
}

/** The acts among some offers. */
export function proposalsOf(offers: readonly Offer[]): Proposal[] {
  return offers.flatMap((offer) => ('proposal' in offer ? [offer.proposal] : []));
}

/** The reasons for missing buttons among some offers. */
export function withheldOf(offers: readonly Offer[]): string[] {
  return offers.flatMap((offer) => ('withheld' in offer ? [offer.withheld] : []));
}
