import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import formbody from '@fastify/formbody';
import type { FastifyInstance } from 'fastify';
import { createActs } from './act/acts.ts';
import { registerAct } from './act/route.ts';
import { registerWebApi } from './api/web-api.ts';
import { type Call, createCalls } from './calls.ts';
import { registerControl, registerResponseUrls } from './control-routes.ts';
import { registerEventStream } from './event-stream.ts';
import { createFailures, type FailureControl, type FailureSource } from './failures.ts';
import { openJournal } from './journal.ts';
import { createLive } from './live.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { createRateLimits } from './rate-limits.ts';
import { createSockets, SOCKET_PATH } from './socket-mode.ts';
import { createTriggers } from './triggers.ts';
import { registerUploads } from './upload-routes.ts';
import type { Timings, Workspace } from './workspace.ts';

/** How to open a stand-in workspace. */
export interface SlackSandboxOptions {
  /** The folder whose `slack.jsonl` holds everything visible. */
  stateDir: string;
  log?: (line: string) => void;
  /** Milliseconds since the epoch; for tests of what expires. */
  now?: () => number;
  /** Instead of what `manifest.yml` registers. */
  commands?: Manifest['commands'];
  /** Instead of other parts of `manifest.yml`. */
  manifest?: Partial<Manifest>;
  timings?: Partial<Timings>;
}

/** A stand-in workspace that can be mounted on a server. */
export interface SlackSandbox {
  /** Adds the routes, and Socket Mode on the upgrade of `app.server`. */
  register(app: FastifyInstance): Promise<void>;
  close(): Promise<void>;
  failures: FailureControl;
  /** The bot's Web API calls since a time in milliseconds, as `GET /sandbox/slack/calls`. */
  calls(since?: number): Call[];
}

const SLACK_TIMINGS: Timings = {
  ackMs: 3000,
  settleMs: 700,
  showMs: 2500,
  // The schedule of the Events API over HTTP; that of Socket Mode is not documented.
  eventRetryMs: [0, 60_000, 300_000],
};
const MAX_BODY_BYTES = 65 * 1024 * 1024;

/** Opens the workspace as it was left. */
export async function createSlackSandbox(options: SlackSandboxOptions): Promise<SlackSandbox> {
  const closing = new AbortController();
  const workspace = openWorkspace(options, closing.signal);
  const detach: (() => void)[] = [];
  let closed: Promise<void> | undefined;
  const disconnect = async () => {
    closing.abort();
    for (const one of detach.splice(0)) one();
    await workspace.sockets.close();
  };
  const close = async () => {
    await disconnect();
    workspace.journal.close();
  };
  return {
    async register(app) {
      await app.register(async (scope) => addRoutes(scope, workspace));
      const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname;
        if (path === SOCKET_PATH || path === `${SOCKET_PATH}/`)
          workspace.sockets.upgrade(request, socket, head);
        else if (app.server.listenerCount('upgrade') === 1) socket.destroy();
      };
      app.server.on('upgrade', onUpgrade);
      // The server waits for its connections to end, and these would never end by themselves.
      app.addHook('preClose', disconnect);
      detach.push(() => app.server.off('upgrade', onUpgrade));
    },
    close() {
      closed ??= close();
      return closed;
    },
    failures: workspace.failures,
    calls: (since = 0) => workspace.calls.since(since),
  };
}

async function addRoutes(app: FastifyInstance, workspace: Workspace): Promise<void> {
  await app.register(formbody, { bodyLimit: 4 * 1024 * 1024 });
  // A body of any other type is an upload.
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) =>
    done(null, body),
  );
  registerWebApi(app, workspace);
  registerAct(app, workspace);
  registerEventStream(app, workspace);
  registerResponseUrls(app, workspace);
  registerControl(app, workspace);
  registerUploads(app, workspace);
}

function openWorkspace(options: SlackSandboxOptions, closing: AbortSignal): Workspace {
  const { stateDir, log = () => undefined, now = Date.now, timings, commands, manifest } = options;
  const allTimings = { ...SLACK_TIMINGS, ...timings };
  const sockets = createSockets({
    clock: now,
    ackMs: allTimings.ackMs,
    refuses: () => failures.get().outage,
  });
  const failures: FailureSource = createFailures(sockets);
  return {
    stateDir,
    clock: now,
    log,
    timings: allTimings,
    manifest: { ...readManifest(), ...manifest, ...(commands && { commands }) },
    journal: openJournal(join(stateDir, 'slack.jsonl')),
    live: createLive(),
    sockets,
    triggers: createTriggers(now),
    acts: createActs(),
    failures,
    rateLimits: createRateLimits(now),
    calls: createCalls(),
    closing,
  };
}
