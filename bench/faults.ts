import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

/**
 * `node --import tsx bench/faults.ts [--runs 200]`: kills an executor at every point of an execution, that many times
 * on either back end of the queue, and counts what must never happen. Ends with 1 unless every count is 0.
 */
const { values } = parseArgs({ options: { runs: { type: 'string', default: '200' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  process.stderr.write('usage: node --import tsx bench/faults.ts [--runs N]\n');
  process.exit(2);
}
const hasRedis = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].some(existsSync);
const suites = [
  ['unit', 'test/faults/faults.test.ts'],
  ...(hasRedis ? [['servers', 'test/servers/faults-redis.test.ts']] : []),
];
const codes = suites.map(([project, file]) => {
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', project ?? '', file ?? ''];
  const env = { ...process.env, FAULT_RUNS: String(runs) };
  return spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1;
});
if (!hasRedis) process.stdout.write('redis-server is not installed: the queue on Redis was not tried\n');
process.exit(Math.max(...codes));
