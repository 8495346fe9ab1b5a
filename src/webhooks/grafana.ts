import { alertsOfGroup, PrometheusGroup } from './prometheus-alerts.ts';
import { type BodyProof, HEADERS_PROVE, hmacProof, refusedBasic, refusedBearer, single } from './proof.ts';
import { nothing, type Sender } from './sender.ts';

/** How far a signed time may be off. */
const MAX_SKEW_MS = 5 * 60_000;
/** Rules whose query found nothing, or failed: something could not be looked at, nothing is known to be slow. */
const COULD_NOT_LOOK = new Set(['DatasourceNoData', 'DatasourceError']);

/** Grafana Alerting's webhook contact point, with its HMAC, a token, or Basic. */
export const grafana: Sender = {
  source: 'grafana',
  setting: 'alerts.grafana.secret',

  proof({ grafana: { secret, token, basic, signatureHeader, timestampHeader } }, { headers, at }) {
    if (secret === undefined && token === undefined && basic === undefined) return null;
    const byHeader = [
      ...(token === undefined ? [] : [refusedBearer(headers, token)]),
      ...(basic === undefined ? [] : [refusedBasic(headers, basic)]),
    ];
    if (byHeader.length > 0 && !byHeader.includes(null)) {
      return byHeader.includes('wrong-proof') ? 'wrong-proof' : 'missing-proof';
    }
    if (secret === undefined) return HEADERS_PROVE;
    const signature = single(headers, signatureHeader);
    if (timestampHeader === undefined) return hmacProof(secret, signature);
    return signedAt(secret, signature, single(headers, timestampHeader), at);
  },

  read(body, { at }) {
    const group = PrometheusGroup.parse(body);
    const prefix = `grafana:${group.orgId ?? 0}`;
    const alerts = alertsOfGroup('grafana', prefix, group, at).filter(
      ({ labels }) => !isTest(labels) && !COULD_NOT_LOOK.has(labels.get('alertname') ?? ''),
    );
    return alerts.length === 0 ? nothing('test-or-no-data') : { alerts, ignored: null, dated: true };
  },
};

/** The seconds are part of what is signed; the proof of the body still has to hold. */
function signedAt(
  secret: string,
  signature: string | undefined,
  seconds: string | undefined,
  now: Date,
): BodyProof | 'missing-proof' | 'wrong-proof' | 'stale-proof' {
  if (seconds === undefined) return 'missing-proof';
  if (!/^\d{1,12}$/.test(seconds)) return 'wrong-proof';
  if (Math.abs(Number(seconds) * 1_000 - now.getTime()) > MAX_SKEW_MS) return 'stale-proof';
  return hmacProof(secret, signature, `${seconds}:`);
}

/** The button "Test" of a contact point. */
function isTest(labels: ReadonlyMap<string, string>): boolean {
  return labels.get('alertname') === 'TestAlert' && labels.get('instance') === 'Grafana';
}
