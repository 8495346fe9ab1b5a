import type { GamedayRefusal } from '../incidents/gameday.ts';
import type { IncidentView } from '../incidents/view.ts';
import type { Gameday, GamedayOutcome } from '../store/gamedays.ts';
import { refusalText } from './answers.ts';
import { context, fields, type Rendered, rich, section, span } from './kit.ts';
import { clip, escapeText } from './text.ts';

const OUTCOMES: Record<GamedayOutcome, string> = {
  recovered: 'Clients are served well again.',
  resolved: 'The incident was resolved.',
  'time-up': 'The time was up; what was broken has been taken back.',
  'could-not-break': 'It could not be broken.',
};

/** The private answer to `/latency gameday`. */
export function gamedayStartedText(title: string, last: Gameday | null): string {
  const before =
    last && last.incidentId === null
      ? ` The last one, \`${escapeText(clip(last.fault, 60))}\`, ended without an incident: nobody asked for one.`
      : '';
  return (
    `Game day: within 20 s something breaks in ${escapeText(title)}, and nobody is told what. Watch the latency and ` +
    'respond as you would at night. How it went stands in the thread of the incident when it is over, after 15 min ' +
    `at the latest.${before}`
  );
}

/** Why no game day begins, for the one who wanted it. */
export function gamedayRefusalText(refusal: GamedayRefusal): string {
  switch (refusal.refused) {
    case 'not-the-sandbox':
      return 'A game day breaks things on purpose, so there is none outside of the sandbox. Start the bot without tokens and configuration (`npm start`) to have one.';
    case 'nothing-to-break':
      return 'Everything that can be broken is broken already. Switch a fault off first.';
    case 'gameday-under-way':
      return 'A game day is under way already.';
    case 'incident-open':
      return `INC-${refusal.incidentId} is open. Resolve it first: a game day measures how long people take to notice.`;
    default:
      return refusalText(refusal);
  }
}

/** How a game day went, and what it was; null before it is over, and in every other incident. */
export function gamedayMessage(view: IncidentView): Rendered | null {
  const over = view.timeline.findLast(({ kind }) => kind === 'gameday-over');
  if (!over) return null;
  const { data } = over;
  const title = clip(String(data.title ?? data.fault ?? ''), 200);
  const outcome = Object.entries(OUTCOMES).find(([name]) => name === data.outcome)?.[1] ?? '';
  const felt = typeof data.slowS === 'number' ? `Clients felt it after ${seconds(data.slowS)}.` : '';
  return {
    text: escapeText(`INC-${view.incident.id}: game day over. It was: ${title}. ${outcome}`),
    blocks: [
      rich(span('Game day over. It was: ', { bold: true }), span(title)),
      fields([
        `*To acknowledge*\n${seconds(data.acknowledgedS)}`,
        `*To decide*\n${seconds(data.decidedS)}`,
        `*To recover*\n${seconds(data.recoveredS)}`,
        `*Diagnosis*\n${verdict(data)}`,
      ]),
      section(`${outcome} ${felt}`.trim()),
      context(
        `Seconds since \`${escapeText(clip(String(data.fault ?? ''), 60))}\` broke: until the first \`/latency\` or ` +
          'alert, until the first approval, and until the clients were under the objective again.',
      ),
    ],
  };
}

function verdict({ named, causes }: Record<string, unknown>): string {
  if (typeof named !== 'string') return 'none was made';
  const right = Array.isArray(causes) && causes.includes(named);
  const truth = Array.isArray(causes) ? String(causes[0] ?? '') : '';
  const shown = `\`${escapeText(clip(named, 60))}\``;
  return right ? `right: ${shown}` : `wrong: ${shown}; it was \`${escapeText(clip(truth, 60))}\``;
}

function seconds(value: unknown): string {
  if (typeof value !== 'number') return 'did not happen';
  return value < 120 ? `${value.toFixed(0)} s` : `${(value / 60).toFixed(1)} min`;
}
