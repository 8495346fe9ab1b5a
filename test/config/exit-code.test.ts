import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');

function run(...args: string[]): Promise<{ code: number; stderr: string; stdout: string }> {
  return new Promise((done) => {
    const command = ['--import', 'tsx', 'src/cli.ts', ...args];
    execFile(
      process.execPath,
      command,
      { cwd: ROOT, env: { PATH: process.env.PATH } },
      (error, stdout, stderr) =>
        done({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr }),
    );
  });
}

test('a configuration that cannot be used ends every command with exit code 2 and all its errors', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'latency-bot-exit-'));
  const file = join(dir, 'latency-bot.yml');
  writeFileSync(file, 'slack:\n  mode: fax\n  botToken: xoxp-hunter2\nservices: {}\n');
  try {
    for (const args of [['start'], ['diagnose', '--service', 'api'], ['doctor'], ['migrate']]) {
      const { code, stderr } = await run(...args, '--config', file);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr.split('\n').filter((line) => line.startsWith('  - '))).toHaveLength(3);
      expect(stderr).not.toMatch(/hunter2|\bat .*\.ts/);
      expect(stderr).not.toContain('because');
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
