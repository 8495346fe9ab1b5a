/** A row of a bench: medians, never means, and what it is compared with in the same run. */
export interface Row {
  name: string;
  samplesMs: number[];
  /** Name of the row that this one is divided by. */
  baseline?: string;
}

export function quantile(samples: number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** Median, p95 and ratio to the baseline, aligned. */
export function table(rows: Row[]): string {
  const median = (row: Row | undefined) => (row ? quantile(row.samplesMs, 0.5) : Number.NaN);
  const lines = rows.map((row) => {
    const base = rows.find((other) => other.name === row.baseline);
    const ratio = base ? `${(median(row) / median(base)).toFixed(2)} × ${base.name}` : '';
    const cells = [median(row), quantile(row.samplesMs, 0.95)].map((ms) =>
      `${ms.toFixed(0)} ms`.padStart(10),
    );
    return `${row.name.padEnd(44)}${cells.join('')}${String(row.samplesMs.length).padStart(5)}  ${ratio}`;
  });
  return [
    `${''.padEnd(44)}${'median'.padStart(10)}${'p95'.padStart(10)}${'n'.padStart(5)}  ratio`,
    ...lines,
  ].join('\n');
}
