import fc from 'fast-check';
import { expect } from 'vitest';
import { claim } from '../../src/incidents/claim.ts';
import { decideMitigation } from '../../src/incidents/decide.ts';
import { freeze, unfreeze } from '../../src/incidents/freeze.ts';
import { judgeRecovery } from '../../src/incidents/judge-recovery.ts';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { requestMitigation } from '../../src/incidents/request.ts';
import { stopMitigation } from '../../src/incidents/stop.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import type { MitigationRow, MitigationState } from '../../src/store/mitigations.ts';
import type { Run } from '../../src/store/runs.ts';
import { healthyDiagnosis, idleTransaction } from '../fixtures/incident-view.ts';
import { audited, now } from './offers.ts';
import type { Machine } from './test-kinds.ts';
import { APPROVER, ASKER, type World } from './world.ts';

/** What has to be true of a mitigation, in the fewest words. */
export interface Model {
  state: MitigationState;
  /** Its request or approval is over, by the store's clock. */
  expired: boolean;
  /** Its executor died so long ago that it must be gone. */
  silent: boolean;
  stopped: boolean;
  frozen: boolean;
  value: number;
  executions: number;
}

export interface Real {
  world: World;
  row: MitigationRow;
  it: Machine;
}

export const START: Model = {
  ...{ state: 'proposed', expired: false, silent: false, stopped: false, frozen: false },
  ...{ value: 4, executions: 0 },
};

type Step = (model: Model, real: Real) => Promise<void>;

/** What a claim at this moment makes of it: null when it may begin. */
function heldBack(model: Model): MitigationState | null {
  if (model.state !== 'approved') return model.state;
  if (model.frozen) return 'failed';
  return model.expired ? 'approved' : null;
}

const steps: Record<string, Step> = {
  async request(model, { world, row }) {
    const { version } = await now(world, row);
    await requestMitigation(world.deps, row.id, version, ASKER, 'it is needed now');
    if (model.state !== 'proposed' || model.frozen) return;
    model.state = model.value === 4 ? 'requested' : 'target-changed';
  },
  approve: (model, real) => decide(model, real, APPROVER, 'approve'),
  'approve one’s own': (model, real) => decide(model, real, ASKER, 'approve'),
  deny: (model, real) => decide(model, real, APPROVER, 'deny'),
  async expire(model, { world, row }) {
    await world.db.query(
      `update mitigations
       set expires_at = expires_at - interval '2 hours', approved_until = approved_until - interval '2 hours'
       where id = $1`,
      [row.id],
    );
    if (model.state === 'requested' || model.state === 'approved') model.expired = true;
  },
  async execute(model, { world, row }) {
    await Promise.all([1, 2, 3].map(() => executeMitigation(world.deps, row.id)));
    const held = heldBack(model);
    if (held) model.state = held;
    else if (model.value !== 4) model.state = 'target-changed';
    else Object.assign(model, { state: 'succeeded', value: 5, executions: 1 });
  },
  'crash before the effect': (model, real) => crash(model, real, false),
  'crash after the effect': (model, real) => crash(model, real, true),
  async silence(model, { world, row }) {
    await world.db.query("update mitigations set alive_at = alive_at - interval '16 s' where id = $1", [
      row.id,
    ]);
    if (model.state === 'executing') model.silent = true;
  },
  async sweep(model, { world }) {
    await Promise.all([sweep(world.deps, { starting: false }), sweep(world.deps, { starting: false })]);
    if (model.expired && ['requested', 'approved'].includes(model.state)) model.state = 'expired';
    if (model.state === 'executing' && model.silent) model.state = model.value === 5 ? 'succeeded' : 'failed';
  },
  async stop(model, { world, row }) {
    const answer = await stopMitigation(world.deps, row.id, ASKER);
    const may = model.state === 'executing' && !model.stopped;
    expect('mitigation' in answer).toBe(may);
    if (may) model.stopped = true;
  },
  recover: (model, real) => recovery(model, real, true),
  'not recover': (model, real) => recovery(model, real, false),
  async freeze(model, { world }) {
    await freeze(world.deps, APPROVER, 'a release is under way');
    model.frozen = true;
  },
  async unfreeze(model, { world }) {
    await unfreeze(world.deps, APPROVER);
    model.frozen = false;
  },
  async 'somebody else changes it'(model, { it }) {
    model.value = 9;
    it.value = 9;
  },
};

async function decide(model: Model, { world, row }: Real, userId: string, decision: 'approve' | 'deny') {
  const { version } = await now(world, row);
  await decideMitigation(world.deps, { mitigationId: row.id, version, userId, decision });
  if (model.state !== 'requested' || model.expired) return;
  if (decision === 'deny') model.state = 'denied';
  else if (userId === APPROVER && !model.frozen) model.state = 'approved';
}

/** The executor is gone right after its claim, or right after the effect. */
async function crash(model: Model, { world, row, it }: Real, afterEffect: boolean): Promise<void> {
  const service = world.deps.services.get(row.service);
  if (!service) throw new Error('no service');
  const current = await now(world, row);
  const claimed = current.state === 'approved' ? await claim(world.deps, current, service) : null;
  const held = heldBack(model);
  expect(claimed === null).toBe(held !== null);
  if (held) {
    model.state = held;
    return;
  }
  model.state = 'executing';
  if (!afterEffect || model.value !== 4) return;
  it.value = 5;
  it.begun += 1;
  Object.assign(model, { value: 5, executions: 1 });
}

async function recovery(model: Model, { world, row }: Real, healthy: boolean): Promise<void> {
  const service = world.deps.services.get(row.service);
  if (!service) throw new Error('no service');
  await world.db.query('update mitigations set recovery_checks = 7 where id = $1', [row.id]);
  const base = healthy ? healthyDiagnosis : idleTransaction;
  const cause = { ...healthyDiagnosis.causes[1], id: row.causeId, status: 'ruled-out' as const };
  const diagnosis = { ...base, causes: [{ ...healthyDiagnosis.causes[0], ...cause }] } as typeof base;
  const run: Run = {
    ...{ id: row.runId, incidentId: row.incidentId, service: row.service, kind: 'recovery', bells: 1 },
    ...{ mitigationId: row.id, requestedBy: 'latency-bot', state: 'finished', diagnosis },
    ...{ startedAt: new Date(), deadlineAt: new Date(), finishedAt: new Date() },
  };
  await world.db.transaction((db) => judgeRecovery(db, run, diagnosis, service));
  if (model.state === 'succeeded') model.state = healthy ? 'verified' : 'not-recovered';
}

/** What must hold after every step, whatever the model says. */
async function expectInvariants(model: Model, { world, row, it }: Real): Promise<void> {
  expect((await now(world, row)).state).toBe(model.state);
  expect(it.begun).toBe(model.executions);
  const proven = await audited(world, `mitigation:${row.id}`);
  const at = (what: string) => proven.indexOf(`mitigation.${what}`);
  expect(proven.filter((kind) => kind === 'mitigation.executing').length).toBeLessThanOrEqual(1);
  if (it.begun > 0 || at('executing') >= 0) {
    expect(at('approve')).toBeGreaterThanOrEqual(0);
    expect(at('executing')).toBeGreaterThan(at('approve'));
  }
  if (at('verified') >= 0) expect(at('verified')).toBeGreaterThan(at('succeeded'));
}

/** One step as fast-check wants it; every step may be tried in every state. */
export const STEPS = Object.entries(steps).map(([name, step]) =>
  fc.constant({
    check: () => true,
    async run(model: Model, real: Real) {
      await step(model, real);
      await expectInvariants(model, real);
    },
    toString: () => name,
  }),
);
