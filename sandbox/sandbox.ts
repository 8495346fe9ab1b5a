import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { type Debtflow, startDebtflow } from './debtflow/debtflow.ts';
import { registerPage } from './page.ts';
import { createSlackSandbox, type SlackSandbox } from './slack/slack.ts';

export interface SandboxOptions {
  stateDir: string;
  /** Whether DebtFlow is started beside the workspace. */
  debtflow: boolean;
  log: (line: string) => void;
  progress: (step: string, detail?: string) => void;
}

export interface Sandbox {
  slack: SlackSandbox;
  debtflow: Debtflow | null;
  close(): Promise<void>;
}

/** The workspace in the browser and the DebtFlow beside it, served by `app`, which the caller makes listen. */
export async function startSandbox(app: FastifyInstance, options: SandboxOptions): Promise<Sandbox> {
  const { log, progress, stateDir } = options;
  const slack = await createSlackSandbox({ stateDir: join(stateDir, 'slack'), log });
  await slack.register(app);
  const [debtflow] = await Promise.all([
    options.debtflow ? startDebtflow({ stateDir: join(stateDir, 'debtflow'), log, progress }) : null,
    registerPage(app),
  ]);
  await debtflow?.register(app);
  return {
    slack,
    debtflow,
    async close() {
      await Promise.all([slack.close(), debtflow?.close()]);
    },
  };
}
