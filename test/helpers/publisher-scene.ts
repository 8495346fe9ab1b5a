import type { WebClient } from '@slack/web-api';
import pino from 'pino';
import { onTestFinished, vi } from 'vitest';
import { readManifest } from '../../sandbox/slack/manifest.ts';
import type { NamedService } from '../../src/config/schema.ts';
import { type Publisher, startPublisher } from '../../src/publisher/publisher.ts';
import type { Database } from '../../src/store/database.ts';
import { type Incident, insertIncident, setLead } from '../../src/store/incidents.ts';
import { addTimeline, touchIncident } from '../../src/store/timeline.ts';
import { type SlackMessage, slotOf } from '../e2e/helpers/workspace.ts';
import { openTestSlack, type TestSlack } from './slack-workspace.ts';
import { testService } from './test-service.ts';
import { openTestStore } from './test-store.ts';

export interface Scene {
  slack: TestSlack;
  db: Database;
  /** Starts a publisher; it is stopped with the test. */
  publish(slack?: WebClient): Publisher;
  open(service: string, channel?: string): Promise<Incident>;
  /** Changes what the card shows, and has the publisher look. */
  changeLead(incident: Incident, lead: string): Promise<void>;
  /** What is shown of an incident in the channel and its threads, by slot. */
  shown(incident: Incident, channel?: string): Promise<Map<string, SlackMessage[]>>;
  /** Resolves once the published revision is the newest. */
  settled(incident: Incident): Promise<void>;
}

/** A stand-in workspace with the scopes of the manifest but these, a store with two services, and what a test does. */
export async function openScene(withoutScopes: string[] = []): Promise<Scene> {
  const granted = readManifest().scopes.filter((scope) => !withoutScopes.includes(scope));
  const slack = await openTestSlack({ manifest: { scopes: granted } });
  const store = await openTestStore();
  const stops: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    slack.sandbox.failures.clear();
    await Promise.all(stops.map((stop) => stop()));
    await store.close();
    await slack.close();
  });
  const { db } = store;
  const services = new Map<string, NamedService>(
    [
      { ...testService({ title: 'DebtFlow API', channel: 'CINCIDENTS' }), id: 'api' },
      { ...testService({ title: 'Billing', channel: 'CDEBTFLOW' }), id: 'billing' },
    ].map((service) => [service.id, service]),
  );
  return {
    slack,
    db,
    publish(client = slack.client()) {
      const publisher = startPublisher({ db, services, slack: client, log: pino({ level: 'silent' }) });
      stops.push(() => publisher.stop());
      return publisher;
    },
    async open(service, channel = services.get(service)?.channel ?? '') {
      return db.transaction(async (tx) => {
        const incident = await insertIncident(tx, { service, channel, openedBy: 'UONCALL', lead: null });
        if (!incident) throw new Error(`${service} has an open incident already`);
        await addTimeline(tx, incident.id, 'opened', 'UONCALL', { title: '/latency by olivia' });
        return incident;
      });
    },
    changeLead: (incident, lead) =>
      db.transaction(async (tx) => {
        await setLead(tx, incident.id, lead);
        await touchIncident(tx, incident.id);
      }),
    shown: (incident, channel = incident.channel) => shownIn(slack, incident, channel),
    settled: (incident) =>
      vi.waitFor(
        async () => {
          const { rows } = await db.query<{ behind: boolean }>(
            'select revision <> published_revision as behind from incidents where id = $1',
            [incident.id],
          );
          if (rows[0]?.behind !== false) throw new Error('not published yet');
        },
        { timeout: 12_000, interval: 50 },
      ),
  };
}

async function shownIn(
  slack: TestSlack,
  incident: Incident,
  channel: string,
): Promise<Map<string, SlackMessage[]>> {
  const slots = new Map<string, SlackMessage[]>();
  const add = (message: SlackMessage) => {
    if (message.metadata?.event_payload.incident !== incident.id) return;
    slots.set(slotOf(message), [...(slots.get(slotOf(message)) ?? []), message]);
  };
  const read = async (method: string, args: Record<string, string>) => {
    const query = new URLSearchParams({ channel, limit: '999', include_all_metadata: 'true', ...args });
    const response = await fetch(`${slack.apiUrl}${method}?${query}`, {
      headers: { authorization: 'Bearer xoxp-sandbox-observer' },
    });
    const answer = (await response.json()) as { ok: boolean; error?: string; messages?: SlackMessage[] };
    if (!answer.ok) throw new Error(`${method}: ${answer.error}`);
    return answer.messages ?? [];
  };
  for (const message of await read('conversations.history', {})) {
    add(message);
    for (const reply of (await read('conversations.replies', { ts: message.ts })).slice(1)) add(reply);
  }
  return slots;
}
