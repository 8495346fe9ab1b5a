import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

/** A real Alertmanager on loopback whose only receiver is the bot. */
export interface AlertmanagerServer {
  /** Posts alerts as Prometheus does. */
  post(alerts: { labels: Record<string, string>; startsAt: Date; endsAt?: Date }[]): Promise<void>;
  /** Notifications that it gave up, as it counts them itself. */
  failed(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts Debian's Alertmanager, with waits that a test can bear instead of 30 s and 5 min. */
export async function startAlertmanager(url: string, token: string): Promise<AlertmanagerServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-alertmanager-'));
  const config = join(dir, 'alertmanager.yml');
  const route = {
    receiver: 'latency-bot',
    group_by: ['alertname', 'service'],
    group_wait: '1s',
    group_interval: '2s',
    repeat_interval: '1h',
  };
  const webhook = {
    url,
    send_resolved: true,
    max_alerts: 100,
    http_config: { authorization: { type: 'Bearer', credentials: token } },
  };
  await writeFile(
    config,
    stringify({ route, receivers: [{ name: 'latency-bot', webhook_configs: [webhook] }] }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const args = [
    `--config.file=${config}`,
    `--storage.path=${join(dir, 'data')}`,
    `--web.listen-address=${address}`,
    '--cluster.listen-address=',
    '--log.level=error',
  ];
  const server = spawn('prometheus-alertmanager', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(server, 'exit');
  const ready = async () => {
    if (server.exitCode !== null) throw new Error(`alertmanager ended with ${server.exitCode}`);
    if (!(await fetch(`http://${address}/-/ready`)).ok) throw new Error('alertmanager is not ready');
  };
  await vi.waitFor(ready, { timeout: 30_000, interval: 50 });
  return {
    async post(alerts) {
      const answer = await fetch(`http://${address}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(alerts.map((alert) => ({ annotations: { summary: 'slow' }, ...alert }))),
      });
      if (!answer.ok) throw new Error(`alertmanager answered ${answer.status}: ${await answer.text()}`);
    },
    async failed() {
      const text = await (await fetch(`http://${address}/metrics`)).text();
      const counts = text.matchAll(/^alertmanager_notifications_failed_total\{[^}]*webhook[^}]*\} (\d+)$/gm);
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    },
    async stop() {
      server.kill('SIGTERM');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
