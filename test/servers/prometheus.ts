import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

/** A real Prometheus on loopback that scrapes what it is given. */
export interface PrometheusServer {
  url: string;
  /** The value of the first series of an instant query; null without one. */
  ask(query: string): Promise<number | null>;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** Far below the 15 s of a real one: a test cannot wait for its fourth scrape. */
const SCRAPE_EVERY = '500ms';

/** Starts Debian's Prometheus; `jobs` are the ports on loopback whose /metrics it scrapes, by the name of the job. */
export async function startPrometheus(jobs: Record<string, number>): Promise<PrometheusServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-prometheus-'));
  const config = join(dir, 'prometheus.yml');
  const scrapes = Object.entries(jobs).map(([name, port]) => ({
    job_name: name,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  }));
  const global = { scrape_interval: SCRAPE_EVERY, scrape_timeout: SCRAPE_EVERY };
  await writeFile(config, stringify({ global, scrape_configs: scrapes }));
  const address = `127.0.0.1:${await freePort()}`;
  const flags = {
    'config.file': config,
    'storage.tsdb.path': join(dir, 'data'),
    'web.listen-address': address,
    'log.level': 'error',
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const server = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(server, 'exit');
  const url = `http://${address}`;
  const ask = async (query: string) => {
    const answer = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    const value = data.result[0]?.value[1];
    return value === undefined ? null : Number(value);
  };
  const ready = async () => {
    if (server.exitCode !== null) throw new Error(`prometheus ended with ${server.exitCode}`);
    if (!(await fetch(`${url}/-/ready`)).ok) throw new Error('prometheus is not ready');
  };
  await vi.waitFor(ready, { timeout: 20_000, interval: 50 });
  return {
    url,
    ask,
    signal: (name) => void server.kill(name),
    async stop() {
      server.kill('SIGCONT'); // a stopped process would not hear the next signal
      server.kill('SIGTERM');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
