import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** A file of the page, ready to serve. */
export interface Asset {
  body: string;
  hash: string;
}

/** The chart colours inside slack-blocks-to-jsx 1.1.1: four, fixed, and one of them unreadable on a dark page. */
const LIBRARY_COLOURS = '["rgb(191, 77, 26)","rgb(38, 59, 156)","rgb(16, 111, 77)","rgb(217, 76, 117)"]';
const CHART_COLOURS = JSON.stringify([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `var(--chart-${n})`));

/** Lets the style sheet decide the colours of charts, so that they fit both themes and eight series. */
const themedCharts: Plugin = {
  name: 'themed-charts',
  setup(onBuild) {
    onBuild.onLoad({ filter: /slack-blocks-to-jsx[\\/]dist[\\/]index\.mjs$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes(LIBRARY_COLOURS)) {
        return {
          errors: [{ text: 'slack-blocks-to-jsx changed its chart colours; update LIBRARY_COLOURS' }],
        };
      }
      return { contents: source.replace(LIBRARY_COLOURS, CHART_COLOURS), loader: 'js' };
    });
  },
};

/** The folder with package.json: the page is bundled from its sources. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('looking for package.json above the sandbox page');
    folder = parent;
  }
  return folder;
}

/** Bundles the page's script and style sheet in memory. */
export async function bundlePage(): Promise<{ js: Asset; css: Asset }> {
  const root = packageRoot();
  const page = join(root, 'sandbox', 'slack', 'page');
  const result = await build({
    absWorkingDir: root,
    entryPoints: { app: join(page, 'main.tsx'), style: join(page, 'styles', 'page.css') },
    outdir: join(page, 'out'),
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022', 'chrome123', 'firefox121', 'safari17.5'],
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    tsconfigRaw: {},
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [themedCharts],
  });
  const asset = (end: string): Asset => {
    const file = result.outputFiles.find((output) => output.path.endsWith(end));
    if (!file) throw new Error(`bundling the sandbox page: no ${end} came out`);
    return { body: file.text, hash: createHash('sha256').update(file.contents).digest('hex').slice(0, 16) };
  };
  return { js: asset('app.js'), css: asset('style.css') };
}
