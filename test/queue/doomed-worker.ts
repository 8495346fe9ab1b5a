import { postgresBackend, redisBackend } from '../../src/queue/backend.ts';

// A worker that takes one job, says so and never ends it: it is there to be killed.
const [kind, url = '', queue = ''] = process.argv.slice(2);
const backend = kind === 'redis' ? await redisBackend(url) : await postgresBackend(url);
const worker = backend.worker(
  queue,
  async () => {
    process.stdout.write('working\n');
    await new Promise(() => undefined);
  },
  { concurrency: 16, maxStalledCount: 2 },
);
worker.on('error', (error) => process.stderr.write(`${error}\n`));
process.stdout.write('ready\n');
