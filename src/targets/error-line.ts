/** What Gunicorn itself or a traceback says in a log. */
export type ErrorEvent =
  | { kind: 'worker-timeout' }
  | { kind: 'worker-killed' }
  | { kind: 'worker-booted' }
  | { kind: 'exception'; name: string };

// "[2026-11-23 03:05:44 -0600] [29888] [CRITICAL] WORKER TIMEOUT (pid:29890)": what a request contains cannot begin a line.
const GUNICORN =
  /^\[(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})\] \[\d{1,10}\] \[(?:CRITICAL|ERROR|WARNING|INFO|DEBUG)\] (.*)$/;
/** 20.1 and 21 on say it in different words. gunicorn/arbiter.py */
const KILLED = /^(?:Worker \(pid:\d+\) was sent SIGKILL!|Worker with pid \d+ was terminated due to signal 9)/;
const TRACEBACK = /^(?:\[[^\]]{0,60}\] )?Traceback \(most recent call last\):$/;
const EXCEPTION = /^([A-Za-z_][\w.]{0,150})(?::|$)/;

export interface ErrorLine {
  atMs: number | null;
  event: ErrorEvent | null;
}

/** Reads lines in their order: the name of an exception stands in the first line behind its traceback that is not indented. */
export function errorReader(): (line: string) => ErrorLine | null {
  let inTraceback = false;
  return (line) => {
    const gunicorn = GUNICORN.exec(line);
    if (gunicorn) {
      inTraceback = false;
      const [, date, time, hours, minutes, text = ''] = gunicorn;
      const at = Date.parse(`${date}T${time}${hours}:${minutes}`);
      return { atMs: Number.isFinite(at) ? at : null, event: gunicornEvent(text) };
    }
    if (TRACEBACK.test(line)) {
      inTraceback = true;
      return { atMs: null, event: null };
    }
    if (!inTraceback) return null;
    if (/^\s/.test(line)) return { atMs: null, event: null };
    inTraceback = false;
    const name = EXCEPTION.exec(line)?.[1];
    return { atMs: null, event: name === undefined ? null : { kind: 'exception', name: shortName(name) } };
  };
}

function gunicornEvent(text: string): ErrorEvent | null {
  if (text.startsWith('WORKER TIMEOUT (pid:')) return { kind: 'worker-timeout' };
  if (KILLED.test(text)) return { kind: 'worker-killed' };
  if (text.startsWith('Booting worker with pid:')) return { kind: 'worker-booted' };
  return null;
}

/** "django.db.utils.OperationalError" without its module. */
const shortName = (name: string): string => (name.split('.').at(-1) ?? name).slice(0, 80);
