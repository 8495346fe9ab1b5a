import { expect, test } from 'vitest';
import { Alerts } from '../../src/config/alerts.ts';
import { serviceOfAlert } from '../../src/webhooks/route.ts';

const services = new Map([
  ['api', {}],
  ['billing', {}],
]);
const config = Alerts.parse({
  routes: [
    { source: 'sentry', project: 'shop', service: 'billing' },
    { labels: { team: 'money', env: 'prod' }, service: 'billing' },
    { labels: { team: 'money' }, service: 'api' },
  ],
});
const alert = (labels: Record<string, string>, project: string | null = null) => ({
  source: 'sentry' as const,
  labels: new Map(Object.entries(labels)),
  project,
});

test.each([
  ['the project of its sender', alert({}, 'shop'), 'billing'],
  ['the project of another sender', { ...alert({}, 'shop'), source: 'grafana' as const }, null],
  ['all labels of a route', alert({ team: 'money', env: 'prod', x: 'y' }), 'billing'],
  ['the first route that matches', alert({ team: 'money', env: 'test' }), 'api'],
  ['a route before the label', alert({ team: 'money', service: 'billing' }), 'api'],
  ['the label service', alert({ service: 'api' }), 'api'],
  ['a label that is no service', alert({ service: 'constructor' }), null],
  ['a project that is the id of a service', alert({}, 'api'), 'api'],
  ['nothing', alert({}), null],
])('%s', (_what, given, service) => {
  expect(serviceOfAlert(config, services, given)).toBe(service);
});

test('what no route matches goes to the default, or to the only service there is', () => {
  const none = Alerts.parse({});
  expect(serviceOfAlert({ ...none, defaultService: 'api' }, services, alert({}))).toBe('api');
  expect(serviceOfAlert(none, new Map([['api', {}]]), alert({ service: 'x' }))).toBe('api');
  expect(serviceOfAlert(none, new Map(), alert({}))).toBeNull();
});
