import { expect, test } from 'vitest';
import { openGamedays } from '../../src/store/gamedays.ts';
import { openHandlersScene } from '../helpers/handlers-scene.ts';

test('/latency gameday is refused where nothing may be broken, and starts one where it may', async () => {
  const { slack, connect, deps, rung } = await openHandlersScene();
  const connection = await connect();
  const shown = async (text: string, as: 'UONCALL' | 'UOBSERVER' = 'UONCALL') =>
    (await slack.command(as, text)).ephemeral?.text ?? '';
  expect(await shown('gameday')).toMatch(/none outside of the sandbox/);
  expect(await openGamedays(deps.db)).toEqual([]);
  await connection.stop();

  const nothing = async () => undefined;
  const fault = { name: 'secret-fault', title: 'A secret', causes: ['network'], isOn: () => false };
  const breakables = [{ ...fault, on: nothing, off: nothing }];
  await connect({}, { gameday: { breakables, latency: () => ({ p95Ms: 20, errorRate: 0 }) } });
  expect(await shown('gameday', 'UOBSERVER')).toMatch(/^You may not/);
  expect(await shown('gameday nowhere')).toMatch(/no service `nowhere`/);
  const started = await shown('gameday');
  expect(started).toMatch(/^Game day: within 20 s something breaks in DebtFlow API/);
  expect(started).not.toMatch(/secret/i);
  expect(await openGamedays(deps.db)).toMatchObject([
    { service: 'api', startedBy: 'UONCALL', fault: 'secret-fault', state: 'waiting' },
  ]);
  expect(await shown('gameday')).toBe('A game day is under way already.');
  // It opens no incident by itself.
  expect(await shown('status')).toBe('No incident is open.');
  expect(rung).toEqual([]);
});
