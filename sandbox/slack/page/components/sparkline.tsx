import { HISTORY_MS, type Sample } from '../model/debtflow.ts';

const WIDTH = 300;
const HEIGHT = 72;
const PAD = 4;

/** The line's pieces; a second without a measurement interrupts it. */
function pathOf(history: Sample[], x: (at: number) => number, y: (p95Ms: number) => number): string {
  let pen = 'M';
  return history
    .map((sample) => {
      if (sample.p95Ms === null) {
        pen = 'M';
        return '';
      }
      const step = `${pen}${x(sample.at).toFixed(1)} ${y(sample.p95Ms).toFixed(1)}`;
      pen = 'L';
      return step;
    })
    .join('');
}

/** p95 over the last three minutes, with the objective as a dashed line. */
export function Sparkline({ history, objectiveMs }: { history: Sample[]; objectiveMs: number }) {
  const measured = history.flatMap((sample) => (sample.p95Ms === null ? [] : [sample.p95Ms]));
  const highest = Math.max(objectiveMs * 1.6, ...measured);
  const end = history.at(-1)?.at ?? 0;
  const x = (at: number): number => WIDTH - ((end - at) / HISTORY_MS) * WIDTH;
  const y = (p95Ms: number): number => HEIGHT - PAD - (p95Ms / highest) * (HEIGHT - 2 * PAD);
  const words = measured.length
    ? `p95 over the last three minutes: from ${Math.round(Math.min(...measured))} to ${Math.round(Math.max(...measured))} ms, objective ${objectiveMs} ms`
    : 'p95 over the last three minutes: nothing measured yet';
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={words}
    >
      <line className="objective" x1="0" x2={WIDTH} y1={y(objectiveMs)} y2={y(objectiveMs)} />
      <path className="trace" d={pathOf(history, x, y)} />
    </svg>
  );
}
