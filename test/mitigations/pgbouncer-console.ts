import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import type { AdminConsole } from '../../src/targets/pgbouncer-admin.ts';
import type { ShowRow } from '../../src/targets/pgbouncer-console.ts';
import { testService } from '../helpers/test-service.ts';

export interface ConsoleState {
  paused: boolean;
  queryMicros: number;
  servers: { age: number; closing: boolean }[];
}

const NOON = Date.UTC(2026, 2, 1, 12);
const at = (secondsAgo: number) =>
  `${new Date(NOON - secondsAgo * 1_000).toISOString().slice(0, 19).replace('T', ' ')} CET`;

/** What a console shows of this state, and what it was told; the real one is in test/servers/pgbouncer-acts.test.ts. */
export function consoleOf(state: ConsoleState): { context: MitigationContext; told: string[] } {
  const told: string[] = [];
  const rows = (what: string): ShowRow[] => {
    const waiting = state.paused ? '5' : '0';
    switch (what) {
      case 'DATABASES':
        return [{ name: 'debtflow', paused: state.paused ? '1' : '0', pool_size: '10' }];
      case 'STATS':
        return [{ database: 'debtflow', total_query_time: String(state.queryMicros) }];
      case 'POOLS':
        return [{ database: 'debtflow', user: 'api', cl_active: '2', cl_waiting: waiting, sv_idle: '3' }];
      case 'LISTS':
        return [{ list: 'used_clients', items: '3' }];
      case 'CLIENTS':
        return [{ database: 'pgbouncer', connect_time: at(0) }];
      default:
        return state.servers.map(({ age, closing }) => ({
          ...{ database: 'debtflow', connect_time: at(age), close_needed: closing ? '1' : '0' },
        }));
    }
  };
  const show = (what: string) => Promise.resolve(rows(what));
  const admin: AdminConsole = {
    show,
    mayAct: () => Promise.resolve(true),
    async tell(word, database) {
      told.push(`${word} ${database}`);
      if (word === 'RESUME') state.paused = false;
      if (word === 'RECONNECT') for (const server of state.servers) server.closing = true;
    },
  };
  const pgbouncer = {
    ...{ show, title: 'pgbouncer:6432', examine: () => Promise.resolve([]), close: () => Promise.resolve() },
    act: <T>(work: (console: AdminConsole) => Promise<T>) => work(admin),
  };
  const context = { service: testService(), targets: { pgbouncer }, signal: AbortSignal.timeout(20_000) };
  return { context, told };
}
