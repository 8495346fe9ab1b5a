/** The steps between which an execution can be cut off; a test ends the process at each, to prove what comes after. */
export type ExecutionStep =
  | 'before-claim'
  | 'after-claim'
  | 'before-effect'
  | 'after-effect'
  | 'before-record'
  | 'after-record';
