import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PROBES } from '../probes/index.ts';
import type { Probe, TargetName } from '../probes/probe.ts';
import { RUNBOOK_STEPS } from '../runbook/runbook.ts';
import { REQUIREMENTS, type RequirementId } from '../targets/requirement.ts';
import { settingOf, TARGET_TITLES } from '../targets/targets.ts';

const FILE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'probes.md');

/** docs/probes.md: every probe by step of the runbook, what it needs and what it costs. */
export function probeReference(probes: readonly Probe<unknown>[] = Object.values(PROBES)): string {
  return [
    '# Probes',
    '',
    'Generated from the code by `node --import tsx src/cli/probe-reference.ts`.',
    '',
    'A run has all of them look over the same window. One alone looks with `/latency probe <probe> [service]`. `latency-bot doctor --config …`',
    'tells which of them will work with a configuration; [permissions.md](permissions.md) has the grants. A probe whose target is not configured',
    'is skipped; without something that it requires it fails and says so; without something that improves it, it looks, and its report',
    'says what it could not see.',
    ...RUNBOOK_STEPS.flatMap((step) => {
      const of = probes.filter(({ runbookStep }) => runbookStep === step.number);
      const body = of.length > 0 ? of.flatMap(section) : ['', 'Left to people.'];
      return ['', `## Step ${step.number}: ${step.title}`, ...body];
    }),
    '',
    '## Requirements',
    '',
    '| id | what is required | by | improves |',
    '|---|---|---|---|',
    ...(Object.keys(REQUIREMENTS) as RequirementId[]).map((id) => {
      const by = names(probes.filter(({ requires }) => requires.includes(id)).map((one) => one.id));
      const improves = names(probes.filter(({ improvedBy }) => improvedBy.includes(id)).map((one) => one.id));
      return `| \`${id}\` | ${REQUIREMENTS[id].replaceAll('|', '\\|')} | ${by} | ${improves} |`;
    }),
    '',
  ].join('\n');
}

function section({ id, title, needs, needsOneOf, cost, requires, improvedBy }: Probe<unknown>): string[] {
  const target = (name: TargetName) => `${TARGET_TITLES[name]} (\`${settingOf(name)}\`)`;
  const looksAt = [...needs.map(target), ...(needsOneOf ? [needsOneOf.map(target).join(' or ')] : [])];
  return [
    '',
    `### \`${id}\``,
    '',
    `${title}.`,
    '',
    `- Looks at: ${looksAt.join(', ')}`,
    `- Costs: ${cost}`,
    `- Requires: ${names(requires) || 'nothing more'}`,
    `- Improved by: ${names(improvedBy) || 'nothing more'}`,
  ];
}

function names(ids: readonly string[]): string {
  return ids.map((id) => `\`${id}\``).join(', ');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(FILE, probeReference());
}
