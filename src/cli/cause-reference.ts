import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { THRESHOLDS } from '../config/thresholds.ts';
import type { CauseRule, Explanation } from '../diagnosis/cause-rule.ts';
import { CAUSES } from '../diagnosis/causes/index.ts';

const FILE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'causes.md');

/** docs/causes.md: every cause, what proves it, what to do, and what not to do. */
export function causeReference(causes: readonly CauseRule[] = CAUSES): string {
  return [
    '# Causes',
    '',
    'Generated from the code by `npm run generate`.',
    '',
    'Every run judges all of them: *found*, *ruled out*, or *could not look*. Found ones are ranked by the share of the request time that they',
    'explain, times how sure that is; a hard stop comes before the rest. One that another explains is shown as its consequence, without an',
    'offer of its own: acting on it leaves the cause in place. [probes.md](probes.md) has what each probe looks at; thresholds are set for each',
    'service under `thresholds` ([configuration.md](configuration.md)).',
    '',
    '| cause | id | looks with |',
    '|---|---|---|',
    ...causes.map(({ id, title, needs }) => `| [${title}](#${id}) | \`${id}\` | ${names(needs)} |`),
    ...causes.flatMap((cause) => section(cause, causes)),
    '',
  ].join('\n');
}

function section({ id, title, explanation, ...rule }: CauseRule, causes: readonly CauseRule[]): string[] {
  // The judge asks for those that there are; a cause may name others before they exist.
  const explainedBy = rule.explainedBy.filter((other) => causes.some((one) => one.id === other));
  const thresholds = thresholdsIn(explanation);
  return [
    '',
    `## ${id}`,
    '',
    `**${title}.** ${explanation.what}`,
    '',
    `- Proof: ${explanation.signs}`,
    `- Looks with: ${names(rule.needs) || 'nothing'}`,
    ...(rule.hardStop ? ['- Hard stop: nothing works until it is mended.'] : []),
    ...(explainedBy.length > 0 ? [`- May be the consequence of: ${links(explainedBy)}`] : []),
    ...(thresholds.length > 0 ? [`- Thresholds: ${thresholds.join(', ')}`] : []),
    ...list('Do', explanation.act, '1.'),
    ...list('Do not', explanation.avoid, '-'),
    ...list('So that it does not come back', explanation.prevent, '-'),
  ];
}

function list(title: string, lines: readonly string[], mark: string): string[] {
  return lines.length > 0 ? ['', `${title}:`, '', ...lines.map((line) => `${mark} ${line}`)] : [];
}

/** The thresholds that an explanation names, with their defaults. */
function thresholdsIn({ what, signs, act }: Explanation): string[] {
  const words = new Set([what, signs, ...act].join(' ').match(/\w+/g) ?? []);
  return Object.entries(THRESHOLDS)
    .filter(([name]) => words.has(name))
    .map(([name, { default: value, unit }]) => `\`${name}\` (${value}${unit === 'count' ? '' : ` ${unit}`})`);
}

const names = (ids: readonly string[]): string => ids.map((id) => `\`${id}\``).join(', ');
const links = (ids: readonly string[]): string => ids.map((id) => `[${id}](#${id})`).join(', ');

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(FILE, causeReference());
}
