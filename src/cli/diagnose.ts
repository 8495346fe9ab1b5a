import { loadConfig } from '../config/load.ts';
import { BotError } from '../errors.ts';
import { diagnoseJson } from '../incidents/diagnose-json.ts';
import { triageOnce } from '../incidents/triage.ts';
import { openTargets } from '../targets/targets.ts';
import { createLog } from '../telemetry/log.ts';

// Slow without a proven cause is not healthy: a script that asks must hear so.
const EXIT = { healthy: 0, 'cause-found': 10, 'no-cause-proven': 10 } as const;

/** One run of the runbook without Slack, store or queue. Progress goes to standard error. */
export async function diagnoseCommand(options: {
  config: string;
  service: string;
  json: boolean;
}): Promise<void> {
  const config = loadConfig(options.config, process.env);
  const found = config.services[options.service];
  if (!found) {
    const known = Object.keys(config.services).join(', ');
    throw new BotError(
      'not-found',
      `there is no service "${options.service}" in ${options.config}; it has: ${known}`,
    );
  }
  const service = { ...found, id: options.service };
  const log = createLog({ level: 'error', write: (line) => void process.stderr.write(line) });
  const targets = openTargets(service, log);
  try {
    const triage = await triageOnce({
      service,
      targets,
      signal: AbortSignal.timeout(60_000),
      onProgress: (outcome) =>
        process.stderr.write(`  ${outcome.status.padEnd(9)} ${outcome.probeId} ${outcome.durationMs} ms\n`),
    });
    if (triage.outcomes.every((outcome) => outcome.status !== 'answered')) {
      const reasons = triage.outcomes.map((outcome) =>
        'reason' in outcome ? `${outcome.probeId}: ${outcome.reason}` : '',
      );
      throw new BotError('target-unreachable', `no probe could look:\n  ${reasons.join('\n  ')}`);
    }
    const json = diagnoseJson(service, triage);
    process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : text(json));
    process.exitCode = EXIT[triage.diagnosis.verdict];
  } finally {
    await targets.close();
  }
}

function text(json: ReturnType<typeof diagnoseJson>): string {
  const causes = json.causes.map((cause) => {
    const share = cause.share === null ? '' : ` (${Math.round(cause.share * 100)} %)`;
    const evidence = cause.evidence.map((line) => `\n      ${line.text}`).join('');
    return `  ${cause.status.padEnd(14)} ${cause.id}${share}: ${cause.summary}${evidence}`;
  });
  return [
    `${json.service}: severity ${json.severity}, p95 ${json.scope.p95Ms ?? 'not measured'} ms`,
    ...causes,
    '',
  ].join('\n');
}
