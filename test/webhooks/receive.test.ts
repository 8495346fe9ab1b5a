import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorld, type World } from '../incidents/world.ts';
import {
  ALL_SENDERS,
  alertmanagerBody,
  type Edge,
  openEdge,
  proven,
  SECRET,
  sample,
  signature,
} from './scene.ts';

let world: World;
let edge: Edge;
let service: string;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  (world.deps.services as Map<string, unknown>).clear();
  await world.store.query('truncate alert_deliveries, alert_inbox, alerts');
  service = world.addService();
  edge = await openEdge(world);
});
afterEach(() => edge.close());

const P95 = { value: 4213.7, unit: 'ms' };
const TRANSACTION = '/api/v1/accounts/{id}/payments/';

/** Each sample, what its sender adds in headers, and what is stored of it. */
const SAMPLES = [
  [
    'sentry',
    'sentry-metric-alert',
    { 'sentry-hook-resource': 'metric_alert' },
    {
      title: 'Critical: p95 of /api/v1/accounts/{id}/payments/',
      status: 'firing',
      episode_key: 'sentry:metric:5:77',
      starts_at: new Date('2026-11-23T09:00:00Z'),
      data: {
        metric: { ...P95, threshold: 1500 },
        transaction: TRANSACTION,
        project: 'collections-api',
        issueKind: 'slow-view',
        links: ['https://acme.sentry.io/alerts/rules/details/77/?alert=412'],
      },
    },
  ],
  [
    'sentry',
    'sentry-event-alert',
    { 'sentry-hook-resource': 'event_alert' },
    {
      title: 'Slow payments view: OperationalError: canceling statement due to statement timeout',
      status: 'firing',
      episode_key: 'sentry:issue:1117540176',
      data: { metric: null, transaction: TRANSACTION, severity: 'error' },
    },
  ],
  [
    'sentry',
    'sentry-issue',
    { 'sentry-hook-resource': 'issue' },
    { status: 'resolved', episode_key: 'sentry:issue:1117540176', incident_id: null, count: 0 },
  ],
  [
    'alertmanager',
    'alertmanager',
    {},
    {
      title: 'HighLatencyP95: p95 4.2 s (threshold 1.5 s)',
      status: 'firing',
      episode_key: 'am:c6eadffa33fcdf37',
      starts_at: new Date('2026-11-23T09:00:00Z'),
      data: { metric: P95, severity: 'critical', transaction: 'payments-list' },
    },
  ],
  [
    'grafana',
    'grafana',
    {},
    {
      title: 'p95 payments: p95 above 1.5 s',
      status: 'firing',
      episode_key: 'grafana:1:bc97ff14869b13e3',
      data: { metric: P95 },
    },
  ],
  [
    'generic',
    'generic',
    {},
    {
      title: 'p95 of payments 4.2 s',
      status: 'firing',
      episode_key: 'generic:collections-api/p95',
      data: { metric: { value: 4213, unit: 'ms' }, severity: 'critical' },
    },
  ],
] as const;

async function alerts(): Promise<Record<string, unknown>[]> {
  return (await world.db.query('select * from alerts where service = $1 order by id', [service])).rows;
}

async function refusals(source: string, reason: string): Promise<number> {
  const { values } = await edge.metrics.webhookRefusals.get();
  return values.find(({ labels }) => labels.source === source && labels.reason === reason)?.value ?? 0;
}

async function deliveries(): Promise<number> {
  return (await world.db.query('select from alert_deliveries')).rows.length;
}

const applied = { timeout: 20_000, interval: 50 };

describe('what senders send', () => {
  test.each(SAMPLES)('%s: %s is taken as it comes', async (source, name, headers, stored) => {
    const body = sample(name);
    const sent = await edge.send(source, body, { ...headers, ...proven(source, body) });
    expect(sent).toMatchObject({ status: 202, body: { ok: true, status: 'success' } });
    const { rows } = await world.db.query('select kept from alert_deliveries where source = $1', [source]);
    expect(rows).toEqual([{ kept: null }]);
    await expect.poll(alerts, applied).toMatchObject([{ source, count: 1, ...stored }]);
  });

  test("PagerDuty's senders get the answer they look for", async () => {
    const body = sample('generic');
    const { body: answer } = await edge.send('generic', body, proven('generic', body));
    expect(answer).toMatchObject({ status: 'success', dedup_key: 'collections-api/p95' });
  });

  test('of an event of Sentry nothing is kept that a user sent', async () => {
    const body = sample('sentry-event-alert').replace(
      'OperationalError: canceling',
      "IntegrityError: Key (ssn)=('123-45-6789') canceling",
    );
    await edge.send('sentry', body, { 'sentry-hook-resource': 'event_alert', ...proven('sentry', body) });
    await expect.poll(alerts, applied).toHaveLength(1);
    const { rows } = await world.db.query('select row_to_json(a)::text as row from alerts a');
    expect(JSON.stringify(rows)).toContain('IntegrityError');
    expect(JSON.stringify(rows)).not.toMatch(/123-45-6789|81273/);
  });
});

describe('who is not the sender is refused', () => {
  const signed = SAMPLES.filter(([source]) => source === 'sentry' || source === 'grafana');

  test.each(signed)('%s: %s with one byte altered', async (source, name, headers) => {
    const body = Buffer.from(sample(name));
    const proof = proven(source, body);
    for (const at of [0, Math.floor(body.length / 2), body.length - 1]) {
      const altered = Buffer.from(body);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(await edge.send(source, altered, { ...headers, ...proof })).toMatchObject({
        status: 401,
        body: { ok: false, error: 'unauthorized' },
      });
    }
    expect(await refusals(source, 'wrong-proof')).toBe(3);
    expect(await deliveries()).toBe(0);
  });

  test.each([
    ['sentry', { 'sentry-hook-signature': 'abc' }, 'wrong-proof'],
    ['sentry', { 'sentry-hook-signature': `${'0'.repeat(64)}00` }, 'wrong-proof'],
    ['sentry', {}, 'missing-proof'],
    ['alertmanager', {}, 'missing-proof'],
    ['alertmanager', { authorization: 'Bearer x' }, 'wrong-proof'],
    ['alertmanager', { authorization: `Bearer ${SECRET}-` }, 'wrong-proof'],
    ['generic', { authorization: `Basic ${SECRET}` }, 'missing-proof'],
    ['grafana', { 'x-grafana-alerting-timestamp': '1' }, 'stale-proof'],
    ['grafana', { 'x-grafana-alerting-timestamp': 'x' }, 'wrong-proof'],
    ['grafana', {}, 'missing-proof'],
  ])('%s with %o: %s', async (source, headers, reason) => {
    expect((await edge.send(source, '{}', headers as Record<string, string>)).status).toBe(401);
    expect(await refusals(source, reason)).toBe(1);
  });

  test('Grafana signs the time: an old one is refused, however well it is signed', async () => {
    const body = sample('grafana');
    const old = proven('grafana', body, Date.now() - 301_000);
    expect((await edge.send('grafana', body, old)).status).toBe(401);
    expect(await refusals('grafana', 'stale-proof')).toBe(1);
    // The same signature with a new time is another signature.
    const renewed = { ...old, 'x-grafana-alerting-timestamp': String(Math.floor(Date.now() / 1_000)) };
    expect((await edge.send('grafana', body, renewed)).status).toBe(401);
    expect(await refusals('grafana', 'wrong-proof')).toBe(1);
  });

  test('a sender without a secret is told which setting is missing', async () => {
    const closed = await openEdge(world, {});
    try {
      for (const source of Object.keys(ALL_SENDERS)) {
        const sent = await closed.send(source, '{}', proven(source, '{}'));
        expect(sent.status).toBe(404);
        expect(String(sent.body.error)).toMatch(new RegExp(`^not configured: set alerts\\.${source}\\.`));
      }
    } finally {
      await closed.close();
    }
  });

  test.each([
    ['Basic with the right password', 'Basic', 'user:the password', 202],
    ['Basic with a wrong one', 'Basic', 'user:the passwort', 401],
  ])('Alertmanager by %s', async (_what, scheme, credentials, status) => {
    const basic = { user: 'user', password: 'the password' };
    const other = await openEdge(world, { alertmanager: { basic } });
    const authorization = `${scheme} ${Buffer.from(credentials).toString('base64')}`;
    const sent = await other.send('alertmanager', sample('alertmanager'), { authorization });
    await other.close();
    expect(sent.status).toBe(status);
  });

  test('other methods and other kinds of body', async () => {
    const got = await fetch(`${edge.url}/webhooks/generic`);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
    const text = await edge.send('generic', 'x', { 'content-type': 'text/plain', ...proven('generic', 'x') });
    expect(text.status).toBe(415);
  });
});

describe('the same again', () => {
  test('fifty times at once is one alert', async () => {
    const body = sample('alertmanager');
    const sent = await Promise.all(
      Array.from({ length: 50 }, () => edge.send('alertmanager', body, proven('alertmanager', body))),
    );
    expect(sent.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(sent.filter((one) => one.status === 200 && one.body.status === 'duplicate')).toHaveLength(49);
    await expect.poll(alerts, applied).toMatchObject([{ count: 1 }]);
    const { rows } = await world.db.query('select alert_count from incidents where service = $1', [service]);
    expect(rows).toEqual([{ alert_count: 1 }]);
  });

  test('a day later it is news to the inbox, and a repetition to the incident', async () => {
    const body = sample('alertmanager');
    await edge.send('alertmanager', body, proven('alertmanager', body));
    await expect.poll(alerts, applied).toMatchObject([{ count: 1 }]);
    await world.store.query("update alert_deliveries set received_at = received_at - interval '25 hours'");
    expect((await edge.send('alertmanager', body, proven('alertmanager', body))).status).toBe(202);
    await expect.poll(alerts, applied).toMatchObject([{ count: 2 }]);
  });

  test('members in another order are another body of the same episode', async () => {
    const body = sample('alertmanager');
    const { version, ...rest } = JSON.parse(body) as Record<string, unknown>;
    const other = JSON.stringify({ ...rest, version });
    for (const one of [body, other]) {
      expect((await edge.send('alertmanager', one, proven('alertmanager', one))).status).toBe(202);
    }
    await expect.poll(alerts, applied).toMatchObject([{ count: 2 }]);
  });

  test('an event without a time is only a repetition for two minutes', async () => {
    const body = JSON.stringify({ event_action: 'trigger', dedup_key: 'x', payload: { summary: 'slow' } });
    const send = () => edge.send('generic', body, proven('generic', body));
    expect([(await send()).status, (await send()).status]).toEqual([202, 200]);
    await world.store.query("update alert_deliveries set received_at = received_at - interval '3 minutes'");
    expect((await send()).status).toBe(202);
  });
});

describe('nothing that is answered 2xx is lost', () => {
  test.each([
    ['not JSON', '{"event_action"'],
    ['another shape', JSON.stringify({ secret: 'hunter2', nested: [{ ssn: '123-45-6789' }] })],
    ['another version', JSON.stringify({ version: '3', alerts: [] })],
    ['only brackets', '['.repeat(500_000)],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ])('%s opens an incident that says so', async (_what, body) => {
    const sent = await edge.send('alertmanager', body, proven('alertmanager', body));
    expect(sent).toMatchObject({ status: 202, body: { status: 'unread' } });
    await expect
      .poll(alerts, applied)
      .toMatchObject([{ title: 'An alert of alertmanager that could not be parsed', status: 'firing' }]);
    const { rows } = await world.db.query<{ kept: string }>('select kept from alert_deliveries');
    expect(rows[0]?.kept).toEqual(expect.any(String));
    expect(rows[0]?.kept).not.toMatch(/hunter2|123-45/);
  });

  test('a body above 2 MiB is one alert, when its signature is right to the last byte', async () => {
    const body = Buffer.alloc(2_200_000, 'x');
    const altered = Buffer.from(body);
    altered[2_199_999] = 0;
    expect((await edge.send('sentry', altered, proven('sentry', body))).status).toBe(401);
    const sent = await edge.send('sentry', body, proven('sentry', body));
    expect(sent).toMatchObject({ status: 202, body: { status: 'unread' } });
    await expect
      .poll(alerts, applied)
      .toMatchObject([{ title: 'Alerts of sentry in a body of 2.1 MiB: too large to be read' }]);
  });

  test('a group of 10,000 alerts is counted to the last one', async () => {
    const startsAt = new Date(Date.now() - 60_000);
    const many = Array.from({ length: 10_000 }, (_, i) => ({ key: `k${i}`, startsAt, name: 'X' }));
    const body = alertmanagerBody(many);
    expect((await edge.send('alertmanager', body, proven('alertmanager', body))).status).toBe(202);
    const count = async () =>
      (await world.db.query('select alert_count as n from incidents where service = $1', [service])).rows;
    await expect.poll(count, { timeout: 60_000, interval: 200 }).toEqual([{ n: 10_000 }]);
  }, 90_000);

  test.each([['__proto__'], ['constructor'], ['x'.repeat(64_000)], ['a\u0000b'], ['\ud800']])(
    'a label called %.20s is a label',
    async (label) => {
      const group = JSON.parse(alertmanagerBody([{ key: 'k', startsAt: new Date() }]));
      const text = JSON.stringify(group).replace('"alertname":', `${JSON.stringify(label)}:"1","alertname":`);
      expect((await edge.send('alertmanager', text, proven('alertmanager', text))).status).toBe(202);
      await expect.poll(alerts, applied).toMatchObject([{ episode_key: 'am:k' }]);
      expect(Object.prototype).not.toHaveProperty('1');
    },
  );

  test.each([
    ['the button Test of Grafana', 'grafana', { alertname: 'TestAlert', instance: 'Grafana' }],
    ['a query of Grafana without data', 'grafana', { alertname: 'DatasourceNoData' }],
    ['the Watchdog of Alertmanager', 'alertmanager', { alertname: 'Watchdog' }],
  ])('%s opens nothing', async (_what, source, labels) => {
    const group = JSON.parse(sample(source)) as { alerts: { labels: unknown }[] };
    const body = JSON.stringify({ ...group, alerts: group.alerts.map((alert) => ({ ...alert, labels })) });
    const sent = await edge.send(source, body, proven(source, body));
    expect(sent).toMatchObject({ status: 202, body: { status: 'ignored' } });
    expect(await deliveries()).toBe(0);
  });
});

test('a body that comes byte by byte is cut off, and others are answered meanwhile', async () => {
  const slow = connect(Number(new URL(edge.url).port), '127.0.0.1');
  const answers: Buffer[] = [];
  slow.on('data', (chunk) => answers.push(chunk));
  slow.write(
    `POST /webhooks/generic HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer ${SECRET}\r\ncontent-length: 1000\r\n\r\n{`,
  );
  const body = sample('generic');
  expect((await edge.send('generic', body, proven('generic', body))).status).toBe(202);
  await expect.poll(() => Buffer.concat(answers).toString(), { timeout: 20_000 }).toMatch(/^HTTP\/1\.1 408 /);
  await expect.poll(() => slow.destroyed || slow.readableEnded, { timeout: 10_000 }).toBe(true);
  slow.destroy();
}, 40_000);

test('without the store senders are asked to come again, and then it is stored', async () => {
  const body = sample('alertmanager');
  await world.store.query('alter table alert_inbox rename to alert_inbox_gone');
  try {
    const sent = await edge.send('alertmanager', body, proven('alertmanager', body));
    expect([sent.status, sent.headers.get('retry-after')]).toEqual([503, '30']);
    expect(await deliveries()).toBe(0);
  } finally {
    await world.store.query('alter table alert_inbox_gone rename to alert_inbox');
  }
  expect((await edge.send('alertmanager', body, proven('alertmanager', body))).status).toBe(202);
  await expect.poll(alerts, applied).toHaveLength(1);
});

test('/metrics says what came and what was refused', async () => {
  const body = sample('alertmanager');
  await edge.send('alertmanager', body, proven('alertmanager', body));
  await edge.send('sentry', body, { 'sentry-hook-signature': signature('other') });
  await expect.poll(alerts, applied).toHaveLength(1);
  const text = await (await fetch(`${edge.url}/metrics`)).text();
  for (const line of [
    'latency_bot_alerts_total{source="alertmanager",status="firing"} 1',
    'latency_bot_webhook_deliveries_total{source="alertmanager",status="stored"} 1',
    'latency_bot_webhook_refusals_total{source="sentry",reason="wrong-proof"} 1',
    'latency_bot_alerts_waiting 0',
    'latency_bot_slack_connected 1',
    'latency_bot_queue_jobs{queue="runs"} 3',
    'latency_bot_incidents_open{state="monitoring"} 0',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
});
