import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

/** Debian's Prometheus on loopback, which scrapes Debian's node_exporter every second. */
export interface PrometheusServer {
  url: string;
  /** Label matchers of the one machine that is scraped. */
  nodeSelector: string;
  /** Signals node_exporter. */
  signalNode(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export async function startPrometheus(): Promise<PrometheusServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-prometheus-'));
  const [port, nodePort] = [await freePort(), await freePort()];
  const config = join(dir, 'prometheus.yml');
  await writeFile(
    config,
    [
      'global: { scrape_interval: 1s, scrape_timeout: 900ms }',
      'scrape_configs:',
      '  - job_name: node',
      `    static_configs: [{ targets: ['127.0.0.1:${nodePort}'] }]`,
      '',
    ].join('\n'),
  );
  const start = (program: string, args: string[]) => {
    const child = spawn(program, args, { stdio: 'ignore' });
    return { child, exited: once(child, 'exit') };
  };
  const node = start('/usr/bin/prometheus-node-exporter', [`--web.listen-address=127.0.0.1:${nodePort}`]);
  const server = start('/usr/bin/prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const url = `http://127.0.0.1:${port}`;
  const nodeSelector = `job="node",instance="127.0.0.1:${nodePort}"`;
  await vi.waitFor(
    async () => {
      const ready = await fetch(`${url}/-/ready`);
      if (ready.status !== 200) throw new Error(`not ready: ${ready.status}`);
    },
    { timeout: 20_000, interval: 50 },
  );
  return {
    url,
    nodeSelector,
    signalNode: (name) => void node.child.kill(name),
    async stop() {
      for (const { child } of [node, server]) {
        child.kill('SIGCONT');
        child.kill('SIGTERM');
      }
      await Promise.all([node.exited, server.exited]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
