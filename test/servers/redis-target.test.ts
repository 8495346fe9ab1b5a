import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openRedis, type RedisTarget } from '../../src/targets/redis.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let server: RedisServer;
let admin: Redis;
let url: string;
const opened: RedisTarget[] = [];
beforeAll(async () => {
  server = await startRedis();
  url = server.freshUrl();
  admin = new Redis(url);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((target) => target.close()));
  // Nothing of the bot stays behind.
  await vi.waitFor(async () => expect(await admin.client('LIST')).not.toContain('name=latency-bot'));
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

function target(at = url, timeout = 500): RedisTarget {
  const one = openRedis({ url: at, queues: ['celery'], timeout });
  opened.push(one);
  return one;
}
const as = (user: string, password: string) => url.replace('redis://', `redis://${user}:${password}@`);
const signal = () => AbortSignal.timeout(10_000);
const ping = (one: RedisTarget, by = signal()) => one.call(['PING'], by);

test('one connection, with a name, however many ask at once', async () => {
  const one = target();
  expect(await Promise.all(Array.from({ length: 20 }, () => ping(one)))).toEqual(Array(20).fill('PONG'));
  const list = String(await admin.client('LIST'));
  expect(list.match(/name=latency-bot/g)).toHaveLength(1);
});

test.each([
  [['GET', 'account:1']],
  [['KEYS', '*']],
  [['CONFIG', 'GET', 'requirepass']],
  [['CLIENT', 'KILL', 'ID', '1']],
  [['SLOWLOG', 'RESET']],
  [['DEBUG', 'SLEEP', '1']],
  [['FLUSHALL']],
  [['constructor']],
] as [string, ...string[]][][])('%j is refused before it is sent', async (command) => {
  await expect(target().call(command, signal())).rejects.toMatchObject({ code: 'internal' });
});

test('the user of docs/permissions.md sees everything, and reads no value', async () => {
  const doc = readFileSync('docs/permissions.md', 'utf8');
  const line = /^ACL SETUSER latency_probe .*$/m.exec(doc)?.[0].replace('>…', '>secret');
  const [, ...words] = line?.split(' ') ?? [];
  await admin.call('ACL', ...words);
  const one = target(as('latency_probe', 'secret'));
  const examined = await one.examine(signal());
  expect(examined.filter(({ met }) => met === false)).toEqual([]);
  expect(examined.map(({ id }) => id)).toContain('redis:messages');
  const user = new Redis(as('latency_probe', 'secret'), { enableReadyCheck: false });
  await admin.set('celery:secret', 'Jane Roe');
  for (const [name, ...args] of [
    ['get', 'celery:secret'],
    ['keys', '*'],
    ['config', 'get', '*'],
    ['lrange', 'other', '0', '0'],
    ['del', 'celery:secret'],
  ] as [string, ...string[]][]) {
    await expect(user.call(name, ...args)).rejects.toThrow(/NOPERM/);
  }
  user.disconnect();
});

test('what a user lacks is told as the line that grants it', async () => {
  await admin.acl('SETUSER', 'poor', 'reset', 'on', '>secret', '-@all', '+ping', '+select', '+info');
  const examined = await target(as('poor', 'secret')).examine(signal());
  const remedies = Object.fromEntries(examined.map(({ id, met, remedy }) => [id, met ? 'met' : remedy]));
  expect(remedies).toMatchObject({
    'redis:reachable': 'met',
    'redis:info': 'met',
    'redis:slowlog': 'ACL SETUSER poor +slowlog|get',
    'redis:clients': 'ACL SETUSER poor +client|list',
    'redis:queues': 'ACL SETUSER poor +llen ~celery* ~unacked*; ACL SETUSER poor +hlen ~celery* ~unacked*',
  });
});

test('no password, a wrong one, a database that is not there', async () => {
  const locked = await startRedis({ requirepass: 'secret' });
  const at = locked.freshUrl();
  await expect(ping(target(at))).rejects.toMatchObject({
    ...{ code: 'target-permission', userMessage: expect.stringContaining('wants a password') },
  });
  const wrong = ping(target(at.replace('redis://', 'redis://:hunter2@')));
  await expect(wrong).rejects.toMatchObject({
    ...{ code: 'target-permission', userMessage: expect.stringContaining('refused the login') },
  });
  const error = await wrong.catch((one: unknown) => one);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2');
  await locked.stop();
  await expect(ping(target(url.replace(/\d+$/, '5000')))).rejects.toMatchObject({
    ...{ code: 'target-permission', userMessage: expect.stringContaining('database number') },
  });
});

test('nothing listens, TLS where there is none, something else that answers', async () => {
  await expect(ping(target('redis://127.0.0.1:1/0'))).rejects.toMatchObject({ code: 'target-unreachable' });
  await expect(ping(target(url.replace('redis:', 'rediss:')))).rejects.toMatchObject({
    code: expect.stringMatching(/^target-/),
  });
  const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const port = await listening(web);
  await expect(ping(target(`redis://127.0.0.1:${port}`))).rejects.toMatchObject({
    ...{ code: 'target-protocol', userMessage: expect.stringContaining('protocol of Redis') },
  });
  web.close();
});

test('one that accepts and never answers costs its time limit, and then nothing until it is tried again', async () => {
  const silent = createServer();
  const one = target(`redis://127.0.0.1:${await listening(silent)}`, 150);
  const begin = performance.now();
  for (let i = 0; i < 3; i += 1) await expect(ping(one)).rejects.toMatchObject({ code: 'target-timeout' });
  expect(performance.now() - begin).toBeLessThan(1_500);
  await expect(ping(one)).rejects.toMatchObject({
    userMessage: expect.stringContaining('failures in a row'),
  });
  const examined = await one.examine(signal());
  expect(examined.map(({ met }) => met)).toEqual([false, ...Array(6).fill(null)]);
  silent.close();
});

test('an abort ends the wait at once', async () => {
  const one = target();
  await ping(one);
  server.signal('SIGSTOP');
  const begin = performance.now();
  await expect(ping(one, AbortSignal.timeout(50))).rejects.toMatchObject({ code: 'target-timeout' });
  expect(performance.now() - begin).toBeLessThan(400);
  server.signal('SIGCONT');
  expect(await ping(one)).toBe('PONG'); // the late answer of the first did not get in its way
});

test('a connection that Redis closes is opened again', async () => {
  const one = target();
  await ping(one);
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await vi.waitFor(async () => expect(await ping(one)).toBe('PONG'));
});

test('a Redis without a free slot, one that is loading, one behind a script', async () => {
  const full = await startRedis({ maxclients: 1 });
  const only = new Redis(full.freshUrl());
  await only.ping();
  await expect(ping(target(full.freshUrl()))).rejects.toMatchObject({ code: 'target-full' });
  only.disconnect();
  await full.stop();
  const scripted = await startRedis({ 'busy-reply-threshold': 100 });
  const [app, killer] = [new Redis(scripted.freshUrl()), new Redis(scripted.freshUrl())];
  await killer.ping();
  const endless = app.eval('while true do end', 0).catch((error: Error) => error.message);
  const one = target(scripted.freshUrl());
  await vi.waitFor(() =>
    expect(ping(one)).rejects.toMatchObject({ userMessage: expect.stringContaining('SCRIPT KILL') }),
  );
  await killer.script('KILL');
  expect(await endless).toMatch(/killed/i);
  for (const client of [app, killer]) client.disconnect();
  await scripted.stop();
});

async function listening(tcp: ReturnType<typeof createServer>): Promise<number> {
  tcp.listen(0, '127.0.0.1');
  await vi.waitFor(() => expect(tcp.address()).not.toBeNull());
  const address = tcp.address();
  return typeof address === 'object' && address ? address.port : 0;
}
