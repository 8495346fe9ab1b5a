import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { ExecutionStep } from '../../src/incidents/execution-step.ts';
import type { QueueBackend } from '../../src/queue/backend.ts';
import { openProducer, startWorkers } from '../../src/queue/queue.ts';
import type { MitigationRow, MitigationState } from '../../src/store/mitigations.ts';
import { approve, audited, lives, now, offered, request } from '../incidents/offers.ts';
import type { World } from '../incidents/world.ts';

/** Where the executor dies, what happens before the next one starts, and how it then has to end. */
interface Case {
  point: ExecutionStep;
  meanwhile: 'nothing' | 'the approval expires' | 'the target moves on';
  ends: MitigationState;
}

const CASES: Case[] = [
  { point: 'before-claim', meanwhile: 'nothing', ends: 'succeeded' },
  { point: 'before-claim', meanwhile: 'the approval expires', ends: 'expired' },
  { point: 'before-claim', meanwhile: 'the target moves on', ends: 'target-changed' },
  { point: 'after-claim', meanwhile: 'nothing', ends: 'failed' },
  { point: 'before-effect', meanwhile: 'the target moves on', ends: 'failed' },
  { point: 'after-effect', meanwhile: 'nothing', ends: 'succeeded' },
  { point: 'before-record', meanwhile: 'the approval expires', ends: 'succeeded' },
  { point: 'after-record', meanwhile: 'nothing', ends: 'succeeded' },
];
export const CASE_COUNT = CASES.length;

/** What must never happen, counted on the target and in the store; and what ended otherwise than it has to. */
export interface Faults {
  runs: number;
  withoutApproval: number;
  doubleExecutions: number;
  onChangedTarget: number;
  lostApprovals: number;
  otherEnds: string[];
}

export interface FaultRange {
  world: World;
  kind: QueueBackend['kind'];
  queueUrl: string;
  open(url: string): Promise<QueueBackend>;
}

const SOON = { timeout: 60_000, interval: 50 };

/** Kills an executor at every point in turn, has another one take over, and counts. */
export async function countFaults(range: FaultRange, runs: number): Promise<Faults> {
  const counted: Faults = {
    ...{ runs, withoutApproval: 0, doubleExecutions: 0, onChangedTarget: 0, lostApprovals: 0 },
    otherEnds: [],
  };
  await range.world.app.query('create extension if not exists pg_stat_statements');
  const backend = await range.open(range.queueUrl);
  for (let run = 0; run < runs; run++) {
    const one = CASES[run % CASES.length];
    if (one) await runOnce(range, backend, one, counted);
  }
  return counted;
}

async function runOnce(range: FaultRange, backend: QueueBackend, one: Case, counted: Faults): Promise<void> {
  const { world } = range;
  const before = await acts(world);
  const { session, mitigation } = await offered(world);
  const row = await approve(world, await request(world, mitigation));
  await dieAt(range, row, one.point);
  if (one.meanwhile === 'the approval expires') await backdate(world, row, 'approved_until');
  if (one.meanwhile === 'the target moves on') await session.query('commit; begin; select 1');
  await backdate(world, row, 'alive_at'); // 16 s pass for the store
  const end = await takeOver(range, backend, row, one);
  const after = await acts(world);

  const [killed, acted] = [after.killed - before.killed, after.statements - before.statements];
  const mayAct = one.ends === 'succeeded';
  const executing = (await audited(world, `mitigation:${row.id}`)).filter((k) => k.endsWith('.executing'));
  if (one.ends === 'expired' && (killed > 0 || acted > 0)) counted.withoutApproval += 1;
  if (killed > 1 || acted > 1 || executing.length > 1) counted.doubleExecutions += 1;
  if (one.meanwhile === 'the target moves on' && killed > 0) counted.onChangedTarget += 1;
  if (mayAct && (killed === 0 || (await lives(world, session)))) counted.lostApprovals += 1;
  const isAsItHasToBe = end === one.ends && killed === (mayAct ? 1 : 0);
  if (!isAsItHasToBe) counted.otherEnds.push(`${one.point}, ${one.meanwhile}: ${end}, ${killed} ended`);
  await clearAway(world, row, session);
}

/** Starts an executor that dies at this point, and waits until it has. */
async function dieAt(
  { world, kind, queueUrl }: FaultRange,
  row: MitigationRow,
  point: ExecutionStep,
): Promise<void> {
  const program = fileURLToPath(new URL('faulty-worker.ts', import.meta.url));
  const service = JSON.stringify(world.deps.services.get(row.service));
  const args = ['--import', 'tsx', program, kind, queueUrl, world.store.appUrl, service, point];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const tooLong = setTimeout(() => child.kill('SIGTERM'), SOON.timeout);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(tooLong);
  if (signal !== 'SIGKILL')
    throw new Error(`the executor was to die at ${point}, and ended with ${code ?? signal}`);
}

/** Another executor, which is not killed: how far does it bring the mitigation? */
async function takeOver(
  range: FaultRange,
  backend: QueueBackend,
  row: MitigationRow,
  { ends }: Case,
): Promise<MitigationState> {
  const { world } = range;
  const bell = openProducer(backend, world.deps.log);
  const workers = startWorkers(backend, { ...world.deps, bell });
  const open = ['approved', 'executing', 'interrupted'];
  try {
    await vi.waitFor(async () => {
      if (open.includes((await now(world, row)).state)) throw new Error(`not over, it should be ${ends}`);
    }, SOON);
  } finally {
    await workers.close();
    await bell.close();
  }
  return (await now(world, row)).state;
}

/** Sessions that were ended, and acting statements that were run, on the diagnosed database so far. */
async function acts(world: World): Promise<{ killed: number; statements: number }> {
  const { rows } = await world.app.query<{ killed: number; statements: number }>(
    `select
       (select sessions_killed::int from pg_stat_database where datname = current_database()) as killed,
       (select coalesce(sum(calls), 0)::int from pg_stat_statements
        where dbid = (select oid from pg_database where datname = current_database())
        and query like '%pg_terminate_backend(pid) as signalled%') as statements`,
  );
  return rows[0] ?? { killed: 0, statements: 0 };
}

function backdate(
  world: World,
  { id }: MitigationRow,
  column: 'approved_until' | 'alive_at',
): Promise<unknown> {
  return world.db.query(
    `update mitigations set ${column} = ${column} - case $2 when 'alive_at' then interval '16 s' else interval '1 h' end
     where id = $1`,
    [id, column],
  );
}

/** Leaves nothing to do for the sweeps of the runs that follow. */
async function clearAway(
  world: World,
  { incidentId }: MitigationRow,
  session: { end(): Promise<void> },
): Promise<void> {
  await world.db.query("update runs set state = 'abandoned' where incident_id = $1", [incidentId]);
  await world.db.query("update incidents set state = 'resolved' where id = $1", [incidentId]);
  await world.db.query('update mitigations set next_check_at = null where incident_id = $1', [incidentId]);
  await session.end().catch(() => undefined); // it may have been ended already
}
