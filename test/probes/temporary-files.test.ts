import { expect, test } from 'vitest';
import { type TemporaryFile, temporaryFilesOf } from '../../src/probes/temporary-files.ts';

const file = (pid: number, n: number, bytes: number): TemporaryFile => ({
  pid,
  name: `pgsql_tmp${pid}.${n}`,
  bytes,
});

test('files are summed up by process, and what grew within the window comes first', () => {
  const before = [file(7, 0, 5_000), file(8, 0, 100), file(9, 0, 900)];
  const now = [file(7, 0, 5_000), file(7, 1, 10), file(8, 0, 400), file(8, 1, 600)];
  expect(temporaryFilesOf(before, now)).toEqual([
    { pid: 8, files: 2, bytes: 1_000, grownBytes: 900 },
    { pid: 7, files: 2, bytes: 5_010, grownBytes: 10 },
  ]);
});

test('a file that was cut short did not shrink what was written', () => {
  expect(temporaryFilesOf([file(7, 0, 500)], [file(7, 0, 100)])).toEqual([
    { pid: 7, files: 1, bytes: 100, grownBytes: 0 },
  ]);
});

test('no list, no statement about it', () => {
  expect(temporaryFilesOf(null, [])).toBeNull();
  expect(temporaryFilesOf([], null)).toBeNull();
  expect(temporaryFilesOf([], [])).toEqual([]);
});

test('of many processes the twenty that write most are kept', () => {
  const now = Array.from({ length: 30 }, (_, pid) => file(pid, 0, pid));
  expect(temporaryFilesOf([], now)?.map(({ pid }) => pid)).toEqual(
    Array.from({ length: 20 }, (_, n) => 29 - n),
  );
});
