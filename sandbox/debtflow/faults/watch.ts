const LOOK_EVERY_MS = 1_000;

/** Whether something is still so, asked once a second from `start` on. */
export interface Watch {
  isOn(): boolean;
  start(): void;
  stop(): void;
}

/** It is over when `holds` says so, or at `stop`. */
export function watch(holds: () => Promise<boolean>): Watch {
  let timer: NodeJS.Timeout | null = null;
  let asking = false;

  function stop(): void {
    if (timer) clearInterval(timer);
    timer = null;
  }

  async function look(): Promise<void> {
    if (asking) return;
    asking = true;
    // No slot at the moment, for example: asked again in a second.
    const goesOn = await holds().catch(() => true);
    asking = false;
    if (!goesOn) stop();
  }

  return {
    isOn: () => timer !== null,
    start() {
      stop();
      timer = setInterval(() => void look(), LOOK_EVERY_MS);
      timer.unref();
    },
    stop,
  };
}
