import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { vi } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

const CPU_AND_MEMORY = ['--collector.disable-defaults', '--collector.cpu', '--collector.meminfo'];

/** Starts Debian's node_exporter on loopback; unless told otherwise with the collectors of CPU and memory alone. */
export async function startNodeExporter(
  collectors = CPU_AND_MEMORY,
): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort();
  const server = spawn(
    'prometheus-node-exporter',
    [`--web.listen-address=127.0.0.1:${port}`, ...collectors],
    { stdio: 'ignore' },
  );
  const exited = once(server, 'exit');
  await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/metrics`), { timeout: 20_000, interval: 50 });
  return {
    port,
    async stop() {
      server.kill('SIGTERM');
      await exited;
    },
  };
}
