import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** The programs that run beside the sandbox, as plain scripts for node. */
export interface Programs {
  master: string;
  worker: string;
  load: string;
  celery: string;
}

// pg and prom-client are CommonJS: inside a module they need a require().
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * Bundles the API, Celery and the load into `<stateDir>/build`: ten processes that start through a TypeScript loader would
 * take seconds, and each bundle starts in 50 ms. It is esbuild's command, because its JavaScript API keeps a process
 * running that cannot be stopped without stopping everybody's.
 */
export async function buildPrograms(stateDir: string): Promise<Programs> {
  const outdir = join(stateDir, 'build');
  await run(require.resolve('esbuild/bin/esbuild'), [
    `master=${source('api/master')}`,
    `worker=${source('api/worker')}`,
    `load=${source('load/load')}`,
    `celery=${source('celery/celery')}`,
    `--outdir=${outdir}`,
    '--out-extension:.js=.mjs',
    '--bundle',
    '--platform=node',
    '--target=node20',
    '--format=esm',
    '--external:pg-native',
    `--banner:js=${BANNER}`,
    '--log-level=error',
  ]);
  const program = (name: string) => join(outdir, `${name}.mjs`);
  return {
    master: program('master'),
    worker: program('worker'),
    load: program('load'),
    celery: program('celery'),
  };
}

/** The TypeScript source, or what the package's build made of it. */
function source(name: string): string {
  const typescript = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  return existsSync(typescript) ? typescript : fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}
