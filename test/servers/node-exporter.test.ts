import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { NamedService } from '../../src/config/schema.ts';
import { type HostReport, host } from '../../src/probes/host.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';
import { startNodeExporter } from './node-exporter.ts';
import { type PrometheusServer, startPrometheus } from './prometheus.ts';

let prometheus: PrometheusServer & { nodeSelector: string };
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  const node = await startNodeExporter([]);
  stops.push(node.stop);
  const server = await startPrometheus({ node: node.port });
  stops.push(server.stop);
  prometheus = { ...server, nodeSelector: `job="node",instance="127.0.0.1:${node.port}"` };
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

const TIMEOUT = { timeout: 20_000, interval: 250 };
const KEYLESS = { host: '127.0.0.1', user: 'bot', keyFile: '/nowhere/key', knownHostsFile: '/nowhere/hosts' };

function serviceOf(selectors: Record<string, string>, hosts: Record<string, unknown> = {}): NamedService {
  return testService({ targets: { prometheus: { url: prometheus.url, ...selectors }, ...hosts } });
}

const look = (service: NamedService, windowMs = 10): Promise<HostReport> =>
  withTargets(service, (targets) => reportOf(host, service, targets, windowMs));

test('Prometheus alone: a loop that hogs a core is seen, and who it is is said to be unknown', async () => {
  const { nodeSelector } = prometheus;
  const service = serviceOf({ nodeSelector, databaseNodeSelector: nodeSelector });
  const hog = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const ended = once(hog, 'exit');
  try {
    await vi.waitFor(async () => {
      const { hosts, notSeen } = await look(service);
      expect(notSeen).toEqual([]);
      expect(hosts).toHaveLength(1);
      const [machine] = hosts;
      expect(machine).toMatchObject({ role: 'api+database', cores: cpus().length, topProcesses: [] });
      expect(machine?.source).toMatch(/^node_exporter \d+s$/);
      expect(machine?.windowMs).toBeGreaterThan(2_500);
      expect(machine?.cpu?.busy).toBeGreaterThan(0.7 / cpus().length);
      expect(machine?.notSeen.map(({ what }) => what)).toEqual(expect.arrayContaining(['processes']));
    }, TIMEOUT);
  } finally {
    hog.kill('SIGKILL');
    await ended;
  }
});

test('the figures are those that the machine itself tells', async () => {
  const service = serviceOf({ databaseNodeSelector: prometheus.nodeSelector }, { host: { local: {} } });
  const { hosts } = await vi.waitFor(() => look(service, 300), TIMEOUT);
  const [script, node] = hosts;
  if (!script || !node) throw new Error('one of the two was not seen');
  expect([script.role, node.role]).toEqual(['api', 'database']);
  expect([script.source, node.source]).toEqual(['script', expect.stringMatching(/^node_exporter/)]);
  expect(node.cores).toBe(script.cores);
  expect(node.memory.totalBytes).toBe(script.memory.totalBytes);
  expect(node.memory.availableBytes / script.memory.availableBytes).toBeCloseTo(1, 0);
  expect(node.memory.swapTotalBytes).toBe(script.memory.swapTotalBytes);
  expect(node.memory.oomKills).toBe(0);
  expect(node.pressure === null).toBe(script.pressure === null);
  expect(node.load?.fifteen).toBeCloseTo(script.load?.fifteen ?? -1, 0);
  expect(node.disks.map(({ name }) => name).sort()).toEqual(script.disks.map(({ name }) => name).sort());
  const used = ({ filesystems }: typeof node) => filesystems.find(({ mount }) => mount === '/')?.usedRatio;
  expect(used(node)).toBeCloseTo(used(script) ?? -1, 1);
  expect(node.network.listenOverflows).not.toBeNull();
});

test('a host that cannot be reached is seen through Prometheus, and that is said', async () => {
  const service = serviceOf({ nodeSelector: prometheus.nodeSelector }, { host: { ssh: KEYLESS } });
  const { hosts } = await vi.waitFor(() => look(service), TIMEOUT);
  expect(hosts).toMatchObject([{ role: 'api', source: expect.stringMatching(/^node_exporter/) }]);
  expect(hosts[0]?.notSeen[0]).toMatchObject({
    what: 'this window',
    reason: expect.stringContaining('private key'),
  });
});

test('matchers that select nothing are named, and are no idle machine', async () => {
  const service = serviceOf({ nodeSelector: 'job="nowhere"' });
  await expect(look(service)).rejects.toThrow(/nothing of node_exporter .*targets\.prometheus\.nodeSelector/);
  const targets = openTargets(service);
  expect(await targets.nodeExporter?.examine(AbortSignal.timeout(5_000))).toMatchObject([
    { id: 'nodeExporter:reachable', met: false, remedy: expect.stringContaining('nodeSelector') },
  ]);
  await targets.close();
});

test('one machine that is missing does not hide the other', async () => {
  const { nodeSelector } = prometheus;
  const service = serviceOf({ nodeSelector, databaseNodeSelector: 'instance="gone"' });
  const { hosts, notSeen } = await vi.waitFor(() => look(service), TIMEOUT);
  expect(hosts).toMatchObject([{ role: 'api' }]);
  expect(notSeen).toMatchObject([
    { what: 'host of the database', reason: expect.stringContaining('databaseNodeSelector') },
  ]);
});
