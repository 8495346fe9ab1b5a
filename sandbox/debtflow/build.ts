import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/** The programs that run beside the sandbox, as plain scripts for node. */
export interface Programs {
  master: string;
  worker: string;
  load: string;
}

/**
 * Bundles the API and the load into `<stateDir>/build`: nine processes that start through a TypeScript loader would
 * take seconds, and each bundle starts in 50 ms. `buildSync` leaves no esbuild service running.
 */
export async function buildPrograms(stateDir: string): Promise<Programs> {
  const outdir = join(stateDir, 'build');
  await mkdir(outdir, { recursive: true });
  buildSync({
    entryPoints: { master: source('api/master'), worker: source('api/worker'), load: source('load/load') },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['pg-native'],
    // pg and prom-client are CommonJS: inside a module they need a require().
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  const program = (name: string) => join(outdir, `${name}.mjs`);
  return { master: program('master'), worker: program('worker'), load: program('load') };
}

/** The TypeScript source, or what the package's build made of it. */
function source(name: string): string {
  const typescript = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  return existsSync(typescript) ? typescript : fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}
