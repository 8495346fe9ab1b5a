import { expect, test, vi } from 'vitest';
import { cardMessage } from '../../src/blocks/card.ts';
import { loadIncidentView } from '../../src/incidents/view.ts';
import { findMitigation } from '../../src/store/mitigations.ts';
import { type HandlersScene, openHandlersScene } from '../helpers/handlers-scene.ts';

const TARGET = {
  ...{ pid: 4242, backendStart: '2026-11-23 03:00:00+00', xactStart: '2026-11-23 03:00:00+00' },
  ...{ queryStart: '2026-11-23 03:00:00+00', stateChange: '2026-11-23 03:00:00+00', queryId: null },
  ...{ state: 'idle in transaction', application: 'celery', role: 'app', database: 'debtflow', ageMs: 1 },
  ...{ query: { text: 'select $1', fingerprint: null, how: 'parsed' }, afterCancel: false },
};
const DRY_RUN = { freed: 0, waitersTotal: 0, waiters: [], rollsBackMs: 10_000 };

/** The dialog of an offer, opened by somebody on call. */
async function dialogOf(scene: HandlersScene, users: string[]): Promise<{ view: string; blocks: string }> {
  const service = scene.deps.services.get('api');
  if (!service) throw new Error('no service');
  service.approvals = { ...service.approvals, breakGlass: { users, maxPerIncident: 1 } };
  await scene.slack.command('UONCALL', 'api');
  await vi.waitFor(() => expect(scene.rung).toHaveLength(1), { timeout: 10_000 });
  const { db } = scene.deps;
  await db.query(`update runs set state = 'finished', finished_at = now()`);
  await db.query(
    `insert into mitigations (incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run)
     select 1, id, 'api', 'lock-idle-in-tx', 'terminate-backend', 'Terminate pid 4242', 'medium', $1, 'f00d', $2
     from runs limit 1`,
    [JSON.stringify(TARGET), JSON.stringify(DRY_RUN)],
  );
  const view = await loadIncidentView(scene.deps, 1);
  if (!view) throw new Error('there is no view');
  const posted = await scene.slack.client().chat.postMessage({
    channel: 'CINCIDENTS',
    ...postable(cardMessage(view, { charts: false })),
  });
  const card = (await scene.slack.channel()).find((message) => message.ts === posted.ts);
  if (!card) throw new Error('the card did not appear');
  const opened = await scene.slack.click('UONCALL', card, /^request-mitigation/);
  return { view: opened.view?.id ?? '', blocks: JSON.stringify(opened.view?.blocks) };
}

function postable(rendered: { text: string; blocks: unknown[] }) {
  return { text: rendered.text, blocks: JSON.stringify(rendered.blocks) as never };
}

/** A click on the button of the dialog, with what stands in its field. */
async function act(scene: HandlersScene, as: string, viewId: string, reason: string) {
  const response = await fetch(`${scene.slack.url}/sandbox/act`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ as, do: 'click', view_id: viewId, action_id: 'act-alone', values: { reason } }),
  });
  const answer = (await response.json()) as { ok: boolean; view?: { blocks: unknown[] } | null };
  return { ok: answer.ok, shown: JSON.stringify(answer.view?.blocks) };
}
const rowOf = (scene: HandlersScene) => findMitigation(scene.deps.db, 1);

test('in the dialog, one who is named acts alone; too short a reason is said in it, and can be mended there', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const dialog = await dialogOf(scene, ['UONCALL']);
  expect(dialog.blocks).toContain('Act alone (break-glass)');
  const short = await act(scene, 'UONCALL', dialog.view, 'now!');
  expect(short.shown).toContain('at least 10 characters');
  expect(short.shown).toContain('act-alone');
  expect((await rowOf(scene))?.state).toBe('proposed');
  const done = await act(scene, 'UONCALL', dialog.view, 'nobody answers the phone');
  expect(done.shown).toContain('is being carried out without an approval');
  expect(await rowOf(scene)).toMatchObject({
    ...{ state: 'approved', breakGlass: true, requestedBy: 'UONCALL' },
    reason: 'nobody answers the phone',
  });
});

test('who is not named is told so in the dialog, and nothing happens', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  const dialog = await dialogOf(scene, ['UAPPROVER']);
  const refused = await act(scene, 'UONCALL', dialog.view, 'nobody answers the phone');
  expect(refused.shown).toContain('You may not act alone. In an emergency <@UAPPROVER> may.');
  expect((await rowOf(scene))?.state).toBe('proposed');
});

test('where nobody may act alone, the dialog does not offer it', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  expect((await dialogOf(scene, [])).blocks).not.toContain('break-glass');
});
