import { loadConfig } from '../config/load.ts';
import type { NamedService } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { PROBES } from '../probes/index.ts';
import type { Probe } from '../probes/probe.ts';
import type { Log } from '../targets/log.ts';
import { openTargets } from '../targets/targets.ts';
import { createLog } from '../telemetry/log.ts';
import { type DoctorJson, doctorText } from './doctor-text.ts';
import { allWork, judgeProbes } from './examination.ts';
import { examineTargets } from './examine-targets.ts';

/** A whole examination takes 10 s at most: closing what was opened needs the rest. */
const DEADLINE_MS = 9_000;
const CLOSE_DEADLINE_MS = 800;

/** Says of every target what the probes will see of it, and of every probe whether it will work. */
export async function doctorCommand(options: {
  config: string;
  service?: string | undefined;
  json: boolean;
}): Promise<void> {
  const config = loadConfig(options.config, process.env);
  const ids = options.service === undefined ? Object.keys(config.services) : [options.service];
  const services = ids.map((id) => {
    const service = config.services[id];
    if (service) return { ...service, id };
    const known = Object.keys(config.services).join(', ');
    throw new BotError('not-found', `there is no service "${id}" in ${options.config}; it has: ${known}`);
  });
  const log = createLog({ level: 'error', write: (line) => void process.stderr.write(line) });
  const json = await examine(services, log);
  process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : doctorText(json));
  process.exitCode = json.ok ? 0 : 1;
}

/** Examines all services at the same time, within one deadline. */
export async function examine(
  services: readonly NamedService[],
  log?: Log,
  deadlineMs = DEADLINE_MS,
): Promise<DoctorJson> {
  const startedAt = new Date().toISOString();
  const begin = performance.now();
  const signal = AbortSignal.timeout(deadlineMs);
  const examined = await Promise.all(services.map((service) => examineService(service, signal, log)));
  return {
    schema: 1,
    startedAt,
    durationMs: Math.round(performance.now() - begin),
    ok: examined.every(({ ok }) => ok),
    services: examined,
  };
}

async function examineService(
  service: NamedService,
  signal: AbortSignal,
  log: Log | undefined,
): Promise<DoctorJson['services'][number]> {
  const opened = openTargets(service, log);
  try {
    const { start: _start, close: _close, ...clients } = opened;
    const targets = await examineTargets(clients, signal, log);
    const probes = judgeProbes(Object.values<Probe<unknown>>(PROBES), targets);
    return { id: service.id, title: service.title, ok: allWork(probes), targets, probes };
  } finally {
    // A client that is stuck in a dead connection does not keep the verdict back.
    await Promise.race([opened.close(), new Promise((done) => setTimeout(done, CLOSE_DEADLINE_MS).unref())]);
  }
}
