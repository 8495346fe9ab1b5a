import { useCallback, useEffect, useState } from 'react';

/** Latency over the last ten seconds; a number is null when nothing was measured. */
export interface Latency {
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  rps: number | null;
  errorRate: number | null;
}

/** A fault that can be switched on. */
export interface Fault {
  name: string;
  group: string;
  title: string;
  /** What it does, or why it cannot be had here. */
  description: string;
  on: boolean;
  available: boolean;
}

/** One second of the sparkline. */
export interface Sample {
  at: number;
  p95Ms: number | null;
}

/** What the DebtFlow panel shows. */
export interface DebtFlow {
  starting: boolean;
  latency: (Latency & { byView: Record<string, Latency> }) | null;
  history: Sample[];
  faults: Fault[];
  setFault: (name: string, on: boolean) => Promise<string | null>;
}

const POLL_MS = 1000;
/** The sparkline's width in time. */
export const HISTORY_MS = 180_000;

async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

/** The fault after the change, or null when DebtFlow refused it or could not be reached. */
async function putFault(name: string, on: boolean): Promise<Fault | null> {
  const response = await fetch(`/sandbox/faults/${encodeURIComponent(name)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ on }),
  }).catch(() => null);
  return response?.ok ? response.json() : null;
}

/** DebtFlow's live latency and its faults, asked for every second while the page is visible. */
export function useDebtFlow(): DebtFlow {
  const [latency, setLatency] = useState<DebtFlow['latency']>(null);
  const [faults, setFaults] = useState<Fault[]>([]);
  const [history, setHistory] = useState<Sample[]>([]);
  const [starting, setStarting] = useState(true);

  const look = useCallback(async () => {
    try {
      const [now, list] = await Promise.all([
        getJson<NonNullable<DebtFlow['latency']>>('/sandbox/debtflow/latency'),
        getJson<Fault[]>('/sandbox/faults'),
      ]);
      const at = Date.now();
      setLatency(now);
      setFaults(list);
      setHistory((old) => [...old.filter((sample) => sample.at > at - HISTORY_MS), { at, p95Ms: now.p95Ms }]);
      setStarting(false);
    } catch {
      // 404, 503 or no connection: DebtFlow is not up (yet), and the panel says just that.
      setStarting(true);
    }
  }, []);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    const tick = async (): Promise<void> => {
      if (!document.hidden) await look();
      if (!stopped) timer = setTimeout(tick, POLL_MS);
    };
    void tick();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [look]);

  const setFault = useCallback(async (name: string, on: boolean) => {
    const changed = await putFault(name, on);
    if (!changed) return 'DebtFlow did not take the change. Try again.';
    setFaults((old) => old.map((fault) => (fault.name === name ? changed : fault)));
    return null;
  }, []);

  return { starting, latency, history, faults, setFault };
}
