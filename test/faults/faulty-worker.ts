import type { NamedService } from '../../src/config/schema.ts';
import type { IncidentDeps } from '../../src/incidents/deps.ts';
import { postgresBackend, redisBackend } from '../../src/queue/backend.ts';
import { openProducer, startWorkers } from '../../src/queue/queue.ts';
import { openDatabase } from '../../src/store/database.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { createLog } from '../../src/telemetry/log.ts';

// The working side of the bot in a process of its own; it dies at the step that is its last argument.
const [kind, queueUrl = '', storeUrl = '', serviceJson = '', dieAt] = process.argv.slice(2);
const service = JSON.parse(serviceJson) as NamedService;
const log = createLog({ level: 'silent' });
const backend = kind === 'redis' ? await redisBackend(queueUrl) : await postgresBackend(queueUrl);
const targets = openTargets(service);
const deps: IncidentDeps = {
  db: await openDatabase(storeUrl, () => undefined), // the failing query tells
  services: new Map([[service.id, service]]),
  targets: () => targets,
  bell: openProducer(backend, log),
  people: { lookUp: async (userId, groups) => ({ userId, fullMember: true, groups }) },
  onStep: (step) => step === dieAt && process.kill(process.pid, 'SIGKILL'),
  log,
};
startWorkers(backend, deps);
