import { expect, test, vi } from 'vitest';
import { wordsOf } from '../helpers/block-text.ts';
import { openHandlersScene } from '../helpers/handlers-scene.ts';

test('the home tab shows what is open, what waits for this person alone, and changes while it is looked at', async () => {
  const scene = await openHandlersScene();
  await scene.connect();
  await scene.slack.command('UONCALL', 'api');
  await vi.waitFor(() => expect(scene.rung).toHaveLength(1), 10_000);
  await scene.deps.db.query(
    `insert into mitigations (incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run, state,
       requested_by, requested_at, expires_at)
     select incident_id, id, 'api', 'lock-idle-in-tx', 'terminate-backend', 'Terminate pid 4242', 'medium', '{}', 'f00d',
       '{}', 'requested', 'UONCALL', now(), now() + interval '5 minutes'
     from runs limit 1`,
  );
  const home = async (as: string) => {
    const response = await fetch(`${scene.slack.url}/sandbox/act`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ as, do: 'home' }),
    });
    const { view } = (await response.json()) as { view: { blocks: unknown[] } | null };
    return wordsOf(view?.blocks ?? []);
  };
  expect(await home('UAPPROVER')).toMatch(/INC-1.* Terminate pid 4242/);
  const asker = await home('UONCALL');
  expect(asker).toContain('*INC-1* DebtFlow API, P2, investigating in <#CINCIDENTS>, lead <@UONCALL>');
  expect(asker).not.toContain('Terminate pid 4242');

  const published = () =>
    scene.slack.sandbox.calls().filter((call) => call.method === 'views.publish' && call.ok).length;
  const before = published();
  await scene.deps.db.query(
    `update incidents set state = 'resolved', resolved_at = now(), resolved_by = 'UONCALL', revision = revision + 1`,
  );
  // Both who have opened it.
  await vi.waitFor(() => expect(published()).toBeGreaterThanOrEqual(before + 2), 15_000);
  expect(await home('UONCALL')).toMatch(/None\. Good\.[\s\S]*acknowledged after/);
});
