import { alertsOfGroup, PrometheusGroup } from './prometheus-alerts.ts';
import { HEADERS_PROVE, refusedBasic, refusedBearer } from './proof.ts';
import { nothing, type Sender } from './sender.ts';

/** Prometheus Alertmanager, webhook version 4. It signs nothing: the token, and TLS before us, prove it. */
export const alertmanager: Sender = {
  source: 'alertmanager',
  setting: 'alerts.alertmanager.token',

  proof({ alertmanager: { token, basic } }, { headers }) {
    if (token === undefined && basic === undefined) return null;
    const tried = [
      ...(token === undefined ? [] : [refusedBearer(headers, token)]),
      ...(basic === undefined ? [] : [refusedBasic(headers, basic)]),
    ];
    if (tried.includes(null)) return HEADERS_PROVE;
    return tried.includes('wrong-proof') ? 'wrong-proof' : 'missing-proof';
  },

  read(body, { at }) {
    const group = PrometheusGroup.parse(body);
    if (group.version !== '4') throw new Error('another version of the webhook than 4');
    // The alert that fires always, so that its silence is noticed elsewhere: nothing is slow because of it.
    const alerts = alertsOfGroup('alertmanager', 'am', group, at).filter(
      ({ labels }) => labels.get('alertname') !== 'Watchdog',
    );
    return alerts.length === 0 ? nothing('watchdog') : { alerts, ignored: null, dated: true };
  },
};
