import { LIMITS, type MessageBlock, preformatted } from './kit.ts';
import { clip, oneLine } from './text.ts';

export interface Series {
  name: string;
  values: number[];
}

/** A grouped bar chart, or the same as aligned text for a workspace that refuses the chart block. */
export function barChart(
  title: string,
  categories: string[],
  series: Series[],
  unit: string,
  charts: boolean,
): MessageBlock[] {
  const shown = categories.slice(0, LIMITS.chartPoints);
  if (shown.length === 0 || series.length === 0) return [];
  if (!charts) return [preformatted(textChart(title, shown, series, unit))];
  const labels = uniqueLabels(shown);
  const at = (values: number[], i: number) => round(values[i] ?? 0);
  return [
    {
      type: 'data_visualization',
      title: clip(oneLine(title), LIMITS.chartTitle),
      chart: {
        type: 'bar',
        series: series.map((one) => ({
          name: clip(oneLine(one.name), LIMITS.chartLabel),
          data: labels.map((label, i) => ({ label, value: at(one.values, i) })),
        })),
        axis_config: { categories: labels, y_label: clip(unit, LIMITS.chartTitle) },
      },
    },
  ];
}

function textChart(title: string, categories: string[], series: Series[], unit: string): string {
  const names = categories.map((name) => clip(oneLine(name), 40) || '?');
  const width = Math.max(...names.map((name) => name.length));
  const rows = names.map((name, i) => {
    const values = series.map((one) => `${one.name} ${round(one.values[i] ?? 0)}`).join(', ');
    return `${name.padEnd(width)}  ${values}`;
  });
  return [`${title} (${unit})`, ...rows].join('\n');
}

/** Slack wants category labels of 1 to 20 characters, all different. */
function uniqueLabels(names: string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    const base = clip(oneLine(name), LIMITS.chartLabel) || '?';
    let label = base;
    for (let n = 2; seen.has(label); n++) label = `${clip(base, LIMITS.chartLabel - 5)} (${n})`;
    seen.add(label);
    return label;
  });
}

function round(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : 0;
}
