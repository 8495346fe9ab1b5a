import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** Files of ours that a file imports at run time; types are gone by then. */
function valueImports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s+(?!type\b)([^;]*?)\s*from '(\.[^']+)'/gms);
  return [...statements]
    .filter(([, names = '']) => !/^\{(?:\s*type [^,}]+,?)+\s*\}$/.test(names))
    .map(([, , path = '']) => normalize(join(dirname(file), path)));
}

const folderOf = (file: string) => file.split('/').slice(0, 2).join('/');

/** What of ours a folder may need at run time, besides itself; the linter guards the rest (biome.json). */
const AT_RUN_TIME: Record<string, string[]> = {
  'src/targets': ['src/errors.ts'],
  'src/store': ['src/errors.ts'],
  'src/diagnosis': ['src/probes', 'src/mitigations', 'src/runbook', 'src/targets'],
  'src/blocks': ['src/diagnosis', 'src/mitigations'],
  'src/embedded-postgres': ['src/errors.ts'],
  sandbox: ['src/embedded-postgres'],
};

describe('run-time imports', () => {
  test.each(Object.entries(AT_RUN_TIME))('%s', (folder, allowed) => {
    const wrong = sources(folder).flatMap((file) =>
      valueImports(file)
        .filter((path) => !path.startsWith(`${folder}/`) && !allowed.includes(folderOf(path)))
        .map((path) => `${file} imports ${path}`),
    );
    expect(wrong).toEqual([]);
  });

  test('diagnosis and blocks read no clock and no environment', () => {
    const impure = ['src/diagnosis', 'src/blocks']
      .flatMap(sources)
      .filter((file) =>
        /Date\.now|new Date\(\)|performance\.|process\.|Math\.random/.test(
          readFileSync(join(ROOT, file), 'utf8'),
        ),
      );
    expect(impure).toEqual([]);
  });

  test('only the configuration, the command line and child processes read the environment', () => {
    const readers = sources('src').filter((file) =>
      /process\.env/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    const allowed = /^src\/((config|cli|embedded-postgres)\/|main\.ts$)/;
    expect(readers.filter((file) => !allowed.test(file))).toEqual([]);
  });
});

const REFUSED = [
  ['src/probes/x.ts', '../store/runs.ts'],
  ['src/handlers/x.ts', '../targets/postgres.ts'],
  ['src/diagnosis/causes/x.ts', 'node:fs'],
  ['src/incidents/x.ts', '@slack/web-api'],
  ['src/incidents/y.ts', 'bullmq'],
  ['src/blocks/x.ts', '../publisher/pace.ts'],
  ['src/cli/x.ts', '../../sandbox/sandbox.ts'],
  ['src/queue/x.ts', '@slack/bolt'],
  ['sandbox/slack/x.ts', '../../src/store/runs.ts'],
] as const;
const ALLOWED = [
  ['src/app.ts', '../sandbox/sandbox.ts'],
  ['src/queue/z.ts', 'bullmq'],
  ['src/publisher/z.ts', '@slack/web-api'],
  ['sandbox/z.ts', '../src/embedded-postgres/embedded-postgres.ts'],
] as const;

test('the linter refuses what the layers do not allow', () => {
  const dir = mkdtempSync(join(tmpdir(), 'latency-bot-layers-'));
  try {
    const config = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as Record<string, unknown>;
    writeFileSync(join(dir, 'biome.json'), JSON.stringify({ ...config, vcs: { enabled: false } }));
    for (const [file, path] of [...REFUSED, ...ALLOWED]) {
      mkdirSync(join(dir, dirname(file)), { recursive: true });
      writeFileSync(join(dir, file), `import { x } from '${path}';\n\nexport const y = x;\n`);
    }
    const biome = join(ROOT, 'node_modules/.bin/biome');
    const { stdout, stderr } = spawnSync(biome, ['lint', '--max-diagnostics=200', '.'], {
      cwd: dir,
      encoding: 'utf8',
    });
    const refused = `${stdout}${stderr}`.match(/^\S+?(?=:\d+:\d+ lint\/style\/noRestrictedImports)/gm) ?? [];
    expect(refused.toSorted()).toEqual(REFUSED.map(([file]) => file).toSorted());
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
