import { chmod, copyFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type HostTarget, openHost } from '../../src/targets/host.ts';
import { machineLookOf } from '../../src/targets/machine-look.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { testService } from '../helpers/test-service.ts';
import { type SshServer, startSshd } from './sshd.ts';

let sshd: SshServer;
const opened: HostTarget[] = [];
beforeAll(async () => {
  sshd = await startSshd();
});
afterEach(async () => {
  for (const host of opened.splice(0)) await host.close();
});
afterAll(() => sshd.stop());

function open(overrides: Record<string, unknown> = {}, timeout = 3_000): HostTarget {
  const { host, port, user, keyFile, knownHostsFile } = sshd;
  const ssh = { host, port, user, keyFile, knownHostsFile, ...overrides };
  const target = openHost({ ssh, runsPostgres: false, actions: false, timeout });
  opened.push(target);
  return target;
}

const signal = () => AbortSignal.timeout(10_000);
const failure = (code: string, words: string) => ({
  code,
  userMessage: expect.stringContaining(words) as string,
});

test('the forced command answers, and all looks share one connection', async () => {
  const before = await sshd.connections();
  const host = open();
  const looks = await Promise.all([1, 2, 3].map(() => host.look('resources', signal())));
  for (const look of looks) expect(machineLookOf(look).cores).toBeGreaterThan(0);
  await host.look('resources', signal());
  expect((await sshd.connections()) - before).toBe(1);
  await host.close();
  await host.look('resources', signal());
  expect((await sshd.connections()) - before).toBe(2);
});

test('a connection that takes longer than a look may is there for the next one', async () => {
  const before = await sshd.connections();
  sshd.signal('SIGSTOP');
  const host = open({}, 1_200);
  await expect(host.look('resources', signal())).rejects.toMatchObject({ code: 'target-timeout' });
  sshd.signal('SIGCONT');
  await vi.waitFor(async () => expect(await sshd.connections()).toBe(before + 1), { timeout: 5_000 });
  const looked = () => host.look('resources', signal());
  expect(machineLookOf(await vi.waitFor(looked, { timeout: 5_000, interval: 400 })).cores).toBeGreaterThan(0);
  expect((await sshd.connections()) - before).toBe(1);
});

test('a bot that stays is connected before its first look', async () => {
  const before = await sshd.connections();
  const { host, port, user, keyFile, knownHostsFile } = sshd;
  const ssh = { host, port, user, keyFile, knownHostsFile };
  const targets = openTargets(testService({ targets: { host: { ssh } } }));
  targets.start();
  await vi.waitFor(async () => expect(await sshd.connections()).toBe(before + 1), { timeout: 10_000 });
  await targets.host?.look('resources', signal());
  await targets.close();
  expect((await sshd.connections()) - before).toBe(1);
});

test('what may be seen is examined, and every gap has its remedy', async () => {
  await sshd.configure(['# nothing yet']);
  const examined = await open().examine(signal());
  expect(examined).toMatchObject([
    { id: 'host:reachable', met: true },
    { id: 'host:pressure' },
    { id: 'host:gunicorn', met: false, remedy: expect.stringContaining('--pid') },
    { id: 'host:act', met: null },
    { id: 'host:log', met: false, remedy: expect.any(String) },
  ]);
});

test('its own configuration is read, not executed', async () => {
  const proof = `${sshd.keyFile}.proof`;
  await sshd.configure([`LOGFILE=/var/log/$(touch ${proof})`]);
  await expect(open().look('log', signal())).rejects.toMatchObject(
    failure('target-protocol', 'latency-bot-host.conf'),
  );
  await sshd.configure(['SHELL=/bin/false']);
  await expect(open().look('log', signal())).rejects.toMatchObject(failure('target-protocol', 'error in'));
  await expect(rm(proof)).rejects.toMatchObject({ code: 'ENOENT' });
  await sshd.configure([]);
});

test.each([
  ['a host key that nobody pinned', '[127.0.0.2]:22 ssh-ed25519 AAAA\n', 'pin it'],
  ['another host key than the pinned one', null, 'is not the pinned one'],
])('%s is refused', async (_name, content, words) => {
  const knownHostsFile = `${sshd.knownHostsFile}.other`;
  const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ';
  await writeFile(knownHostsFile, content ?? `[127.0.0.1]:${sshd.port} ssh-ed25519 ${other}\n`);
  await expect(open({ knownHostsFile }).look('resources', signal())).rejects.toMatchObject(
    failure('target-permission', words),
  );
});

test('a key that others may read, and a missing list of hosts, are refused before anything is sent', async () => {
  const keyFile = `${sshd.keyFile}.open`;
  await copyFile(sshd.keyFile, keyFile);
  await chmod(keyFile, 0o640);
  await expect(open({ keyFile }).look('resources', signal())).rejects.toMatchObject(
    failure('config-invalid', 'chmod 0400'),
  );
  await expect(open({ keyFile: '/nowhere' }).look('resources', signal())).rejects.toMatchObject(
    failure('config-invalid', 'cannot be found'),
  );
  await expect(open({ knownHostsFile: '/nowhere' }).look('resources', signal())).rejects.toMatchObject(
    failure('config-invalid', 'knownHostsFile is missing'),
  );
});

test('a key that the host does not know is refused', async () => {
  const other = await startSshd();
  try {
    await expect(open({ keyFile: other.keyFile }).look('resources', signal())).rejects.toMatchObject(
      failure('target-permission', 'authorized_keys'),
    );
  } finally {
    await other.stop();
  }
});

test('a refused word, a missing script and a broken one are told apart', async () => {
  const script = sshd.keyFile.replace(/key$/, 'latency-bot-host');
  const conf = sshd.keyFile.replace(/key$/, 'host.conf');
  const answers = [
    ['SSH_ORIGINAL_COMMAND=ttin; export SSH_ORIGINAL_COMMAND; /bin/sh', 'does not know that word'],
    ['/usr/local/sbin/no-such-script', 'has no latency-bot-host'],
    ['exit 3;', 'broke off'],
    ['head -c 3000000 /dev/zero;', 'more than 2097152 bytes'],
  ] as const;
  for (const [command, words] of answers) {
    await sshd.force(`${command} ${script} ${conf}`);
    await expect(open().look('resources', signal())).rejects.toMatchObject(failure('target-protocol', words));
  }
  await sshd.force(`/bin/sh ${script} ${conf}`);
});

test('a port where nobody listens, and one where nobody answers', async () => {
  const silent = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  silent.listen(0, '127.0.0.1');
  await new Promise((listening) => silent.once('listening', listening));
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const at = performance.now();
  await expect(open({ port: address.port }, 500).look('resources', signal())).rejects.toMatchObject({
    code: 'target-timeout',
  });
  expect(performance.now() - at).toBeLessThan(2_000);
  await new Promise((closed) => silent.close(closed));
  await expect(open({ port: address.port }).look('resources', signal())).rejects.toMatchObject(
    failure('target-unreachable', 'is sshd running'),
  );
});

test('a script that hangs costs the time limit, and the next look is answered', async () => {
  const script = sshd.keyFile.replace(/key$/, 'latency-bot-host');
  const conf = sshd.keyFile.replace(/key$/, 'host.conf');
  await sshd.force('exec sleep 5');
  const host = open({}, 700);
  await expect(host.look('resources', signal())).rejects.toMatchObject({ code: 'target-timeout' });
  await sshd.force(`/bin/sh ${script} ${conf}`);
  const patient = open({}, 3_000);
  expect(machineLookOf(await patient.look('resources', signal())).cores).toBeGreaterThan(0);
});

test('a stopped sshd is a time-out, a new host key afterwards is not taken', async () => {
  sshd.signal('SIGSTOP');
  await expect(open({}, 500).look('resources', signal())).rejects.toMatchObject({ code: 'target-timeout' });
  sshd.signal('SIGCONT');
  await sshd.changeHostKey();
  await expect(open().look('resources', signal())).rejects.toMatchObject(
    failure('target-permission', 'is not the pinned one'),
  );
});
