/** Places of an execution at which a test may kill the process, to prove that nothing is lost or done twice. */
export type FaultPoint =
  | 'before-claim'
  | 'after-claim'
  | 'before-effect'
  | 'after-effect'
  | 'before-record'
  | 'after-record';

/** Ends the process on the spot, without any cleaning up, where LATENCY_BOT_FAULT_POINT names this place. */
export function faultPoint(name: FaultPoint): void {
  if (process.env.LATENCY_BOT_FAULT_POINT === name) process.kill(process.pid, 'SIGKILL');
}
