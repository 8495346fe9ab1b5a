/** Runs `leave` when the process that started this one is gone, also when it went before this was called. */
export function onParentGone(leave: () => void): void {
  process.on('disconnect', leave);
  if (!process.connected) leave();
}
