import { z } from 'zod';
import { duration } from './values.ts';

const Secret = z.string().min(8, 'expected a secret of at least 8 characters').optional();

const Basic = z
  .strictObject({
    user: z.string().min(1).describe('User name of HTTP Basic authentication.'),
    password: z.string().min(8, 'expected a password of at least 8 characters').describe('Its password.'),
  })
  .optional();

const HeaderName = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/, 'expected the name of a header');

export const AlertRoute = z.strictObject({
  source: z
    .enum(['sentry', 'alertmanager', 'grafana', 'generic'])
    .optional()
    .describe('Only alerts of this sender.'),
  project: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('Only alerts of this Sentry project, by slug or number.'),
  labels: z
    .record(z.string().min(1).max(100), z.string().max(400))
    .default({})
    .describe('Only alerts with all of these labels.'),
  service: z.string().min(1).describe('The service that these alerts are about.'),
});

export const Alerts = z
  .strictObject({
    sentry: z
      .strictObject({
        clientSecret: Secret.describe(
          'Client secret of the internal integration, which signs every webhook.',
        ),
      })
      .prefault({}),
    alertmanager: z
      .strictObject({
        token: Secret.describe('Token that Alertmanager sends as Authorization: Bearer.'),
        basic: Basic.describe('Or what it sends as Authorization: Basic.'),
      })
      .prefault({}),
    grafana: z
      .strictObject({
        secret: Secret.describe('HMAC secret of the contact point.'),
        signatureHeader: HeaderName.default('X-Grafana-Alerting-Signature').describe(
          'Header that carries the signature.',
        ),
        timestampHeader: HeaderName.optional().describe(
          'Header that carries the signed time. With it, requests older than 5 minutes are refused.',
        ),
        token: Secret.describe(
          'Token that Grafana sends as Authorization: Bearer. With `secret`: both are needed.',
        ),
        basic: Basic.describe('Or what it sends as Authorization: Basic.'),
      })
      .prefault({}),
    generic: z
      .strictObject({
        token: Secret.describe('Token of every other sender, as Authorization: Bearer.'),
      })
      .prefault({}),
    routes: z
      .array(AlertRoute)
      .max(200)
      .default([])
      .describe(
        'Which service an alert is about: the first route that matches. Without one, a label `service` or a project that is the id of a service; then `defaultService`; then the only service there is.',
      ),
    defaultService: z
      .string()
      .min(1)
      .optional()
      .describe('The service of alerts that no route matches. Without it they are kept and open nothing.'),
    coolDown: duration('30m', 0, 86_400_000).describe(
      'How long after its resolution a new alert opens the same incident again, in the same thread.',
    ),
  })
  .prefault({})
  .describe('Who may send alerts. A sender without a secret is refused.');

export type AlertsConfig = z.infer<typeof Alerts>;
export type AlertRouteConfig = z.infer<typeof AlertRoute>;
