import { defineConfig } from 'vitest/config';

// Real servers on two shared cores: in continuous integration only what fails twice is broken.
const retry = process.env.CI ? 1 : 0;

/**
 * unit: everything that runs on the embedded servers of the npm packages alone.
 * servers: what truly needs Debian's servers (see test/servers/requirements.ts).
 * e2e: the whole product, with Chromium.
 */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          retry,
          include: ['test/**/*.test.ts'],
          exclude: ['test/servers/**', 'test/e2e/**'],
          globalSetup: ['test/helpers/global-setup.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
          pool: 'forks',
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'servers',
          retry,
          include: ['test/servers/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          globalSetup: ['test/helpers/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          fileParallelism: false,
        },
      },
    ],
  },
});
