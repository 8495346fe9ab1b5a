import { CAUSES } from '../src/diagnosis/causes/index.ts';
import type { Diagnosis } from '../src/diagnosis/diagnosis.ts';
import { openIncidentOf } from '../src/store/incidents.ts';
import { findMitigation, type MitigationRow, mitigationsOf } from '../src/store/mitigations.ts';
import { type Run, reportsOf, runsOf } from '../src/store/runs.ts';
import { findAction, type SlackMessage, slotOf } from '../test/e2e/helpers/workspace.ts';
import { type Offer, type Seen, SHOWN_OFFERS } from './judge.ts';
import type { Product } from './product.ts';
import { secondsSince, until } from './until.ts';

const SERVICE = 'debtflow-api';
const REQUESTER = 'UONCALL';
const APPROVER = 'UAPPROVER';
const POST_DEADLINE_MS = 30_000;
/** Seven looks five seconds apart, and what each takes. */
const VERIFY_DEADLINE_MS = 120_000;
const UNDER_WAY: readonly MitigationRow['state'][] = [
  'requested',
  'approved',
  'executing',
  'interrupted',
  'succeeded',
];

/** One diagnosis as it was asked for, decided and posted. */
export interface Diagnosed {
  incidentId: number;
  seen: Seen;
  /** From `/latency` to the moment the card showed it. */
  seconds: number;
}

/** Types `/latency` as the person on call, and waits for what the card says then. */
export async function diagnose(product: Product): Promise<Diagnosed> {
  const { store, workspace } = product;
  const begin = performance.now();
  const answer = await workspace.command(REQUESTER);
  if (!answer.ok) throw new Error(`/latency: ${answer.shown ?? answer.error}`);
  const { incident, run, diagnosis } = await until('the diagnosis', POST_DEADLINE_MS, async () => {
    const incident = await openIncidentOf(store, SERVICE);
    const run = incident && (await runsOf(store, incident.id)).findLast(({ kind }) => kind === 'triage');
    if (run?.state === 'abandoned') throw new Error('the run was given up');
    return incident && run?.diagnosis ? { incident, run, diagnosis: run.diagnosis } : null;
  });
  const offers = await offersOf(product, incident.id);
  const posted = await until('the diagnosis on the card', POST_DEADLINE_MS, async () => {
    const card = await cardOf(product, incident.id);
    return card && shows(card, diagnosis, offers) ? wordsOf(card) : null;
  }).catch(async () => wordsOf(await cardOf(product, incident.id))); // judged: it does not show it
  return {
    incidentId: incident.id,
    seconds: secondsSince(begin),
    seen: { diagnosis, offers, posted, ...(await lookedAt(product, run)), restsOn: restsOn() },
  };
}

/** How asking for a change went. */
export interface Mitigated {
  state: MitigationRow['state'];
  detail: string | null;
}

/** Asks for the offered change as one person, approves as another, and waits for what the bot says of it. */
export async function mitigate(product: Product, incidentId: number, kind: string): Promise<Mitigated> {
  const { store, workspace } = product;
  const row = (await mitigationsOf(store, incidentId)).find(
    (one) => one.kind === kind && one.state === 'proposed',
  );
  if (!row) throw new Error(`${kind} is not on offer`);
  const card = await cardOf(product, incidentId);
  if (!card) throw new Error('the card is gone');
  const dialog = await workspace.click(REQUESTER, card, `request-mitigation:${row.id}`);
  if (!dialog.view) throw new Error(`no dialog: ${dialog.ephemeral?.text ?? dialog.shown ?? dialog.error}`);
  const asked = await workspace.submit(REQUESTER, dialog.view.id, {
    reason: 'Rehearsal: clients are waiting',
  });
  if (!asked.ok) throw new Error(`asking for it: ${JSON.stringify(asked.errors ?? asked.shown)}`);
  const request = await until('the request for approval', POST_DEADLINE_MS, async () => {
    const thread = await workspace.thread(card.ts);
    const message = thread.findLast((one) => slotOf(one) === `mitigation:${row.id}`);
    return message && findAction(message, 'approve-mitigation') ? message : null;
  });
  const approved = await workspace.click(APPROVER, request, 'approve-mitigation');
  if (!approved.ephemeral?.text.startsWith('Approved')) {
    throw new Error(`approving it: ${approved.ephemeral?.text ?? approved.shown ?? approved.error}`);
  }
  return until('the change to be verified', VERIFY_DEADLINE_MS, async () => {
    const now = await findMitigation(store, row.id);
    return now && !UNDER_WAY.includes(now.state) ? { state: now.state, detail: now.detail } : null;
  });
}

/** Resolves what is open, so that the next case begins with an incident of its own. */
export async function resolveOpen(product: Product): Promise<void> {
  const incident = await openIncidentOf(product.store, SERVICE);
  if (!incident) return;
  await until('the incident to be resolved', POST_DEADLINE_MS, async () => {
    const card = await cardOf(product, incident.id);
    // The card may have been shown anew between reading and clicking.
    if (card && findAction(card, 'resolve-incident')) {
      await product.workspace.click(REQUESTER, card, 'resolve-incident');
    }
    return (await openIncidentOf(product.store, SERVICE)) === null;
  });
}

async function offersOf(product: Product, incidentId: number): Promise<Offer[]> {
  const rows = await mitigationsOf(product.store, incidentId);
  return rows
    .filter(({ state }) => state === 'proposed')
    .map(({ id, kind, title, causeId }) => ({ id, kind, title, causeId }));
}

async function cardOf(product: Product, incidentId: number): Promise<SlackMessage | undefined> {
  const name = new RegExp(`^INC-${incidentId}\\b`);
  return (await product.workspace.channel()).find((message) => name.test(message.text));
}

/** Whether the card has come to this diagnosis, with its buttons. */
function shows(card: SlackMessage, { causes }: Diagnosis, offers: Offer[]): boolean {
  const top = causes.find(({ status }) => status === 'found');
  const buttons = offers
    .slice(0, SHOWN_OFFERS)
    .every(({ id }) => findAction(card, `request-mitigation:${id}`));
  return top !== undefined && buttons && wordsOf(card).includes(top.summary.slice(0, 300));
}

/** Every text and every action of a message, as they are in it. */
function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(wordsOf).filter(Boolean).join('\n');
}

async function lookedAt(product: Product, run: Run): Promise<Pick<Seen, 'reports' | 'failures'>> {
  const rows = await reportsOf(product.store, run.id);
  const answered = rows.filter(({ status }) => status === 'answered');
  const failed = rows.filter(({ status }) => status === 'failed');
  return {
    reports: Object.fromEntries(answered.map(({ probeId, report }) => [probeId, report])),
    failures: Object.fromEntries(
      failed.flatMap(({ probeId, reason }) => (reason ? [[probeId, reason]] : [])),
    ),
  };
}

function restsOn(): Record<string, readonly string[]> {
  return Object.fromEntries(CAUSES.map(({ id, needs }) => [id, needs]));
}
