import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts';
import { lowerSession, nicely } from '../../src/embedded-postgres/niceness.ts';
import { childrenOf } from '../sandbox/debtflow/processes.ts';

const SESSIONS_SHARE = '/proc/self/autogroup';

test.skipIf(process.platform === 'win32')(
  'a server that lets others go first does so with all its processes',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'latency-bot-nice-'));
    const server = await startEmbeddedPostgres({
      dataDir: join(dir, 'postgres'),
      database: 'nice',
      settings: { fsync: 'off' },
      niceness: 7,
    });
    try {
      expect(getPriority(server.pid)).toBe(7);
      if (process.platform !== 'linux') return;
      const children = childrenOf(server.pid);
      expect(children.length).toBeGreaterThan(2);
      expect(new Set(children.map(({ pid }) => getPriority(pid)))).toEqual(new Set([7]));
      const share = () => readFileSync(SESSIONS_SHARE.replace('self', String(server.pid)), 'utf8');
      if (hasSessionShares()) await vi.waitFor(() => expect(share()).toMatch(/ nice 7$/m), 5_000);
    } finally {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    }
  },
);

test('without a niceness nothing changes; of a process that is gone nothing is wanted', async () => {
  expect(nicely(0, 'postgres', ['-D', 'data'])).toEqual(['postgres', ['-D', 'data']]);
  await expect(lowerSession(2 ** 30, 10)).resolves.toBeUndefined();
});

/** Kernels may be built without sched_autogroup. */
function hasSessionShares(): boolean {
  try {
    return readFileSync(SESSIONS_SHARE, 'utf8').includes('nice');
  } catch {
    return false;
  }
}
