import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { benchAlerts } from './alerts.ts';
import { benchDiagnosis } from './diagnosis.ts';
import { benchIncident } from './incident.ts';
import { benchProbes } from './probes.ts';
import { benchRunbook } from './runbook.ts';

/**
 * `npm run bench -- [incident|probes|diagnosis|alerts|runbook] [--rounds N] [--json FILE]`; without a name: all of them. `incident` is what people
 * wait for, `probes` is what looking costs the diagnosed system,
 * `diagnosis` what judging stored reports costs the bot, `runbook` how long the runbook takes by hand on the same fault.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '10' }, json: { type: 'string' } },
});
const rounds = Number(values.rounds);
const BENCHES: Record<string, () => Promise<unknown>> = {
  incident: () => benchIncident(rounds),
  probes: benchProbes,
  diagnosis: benchDiagnosis,
  alerts: benchAlerts,
  runbook: () => benchRunbook(rounds),
};

const wanted = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const unknown = wanted.filter((name) => BENCHES[name] === undefined);
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(
    'usage: npm run bench -- [incident|probes|diagnosis|alerts|runbook] [--rounds N] [--json FILE]\n',
  );
  process.exit(2);
}
const results: Record<string, unknown> = {};
for (const name of wanted) results[name] = await BENCHES[name]?.();
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
