import type { MeasuredWindow, MetricsSource } from './metrics-source.ts';
import { sharedWindow } from './shared-window.ts';

/** `source.latency()`, measured once for all probes of a run that ask for it. */
export const sharedLatency = sharedWindow<MetricsSource, MeasuredWindow>((source, windowMs, signal) =>
  source.latency(windowMs, signal),
);
