import { z } from 'zod';
import { identifier } from './text.ts';

const label = z.string().min(1).max(20);
const point = z.strictObject({ label, value: z.number() });
const series = z.strictObject({ name: label, data: z.array(point).min(1).max(20) });
const axis = z.strictObject({
  categories: z.array(label).min(1).max(20),
  x_label: z.string().min(1).max(50).optional(),
  y_label: z.string().min(1).max(50).optional(),
});

const pie = z.strictObject({
  type: z.literal('pie'),
  segments: z
    .array(z.strictObject({ label, value: z.number().positive() }))
    .min(1)
    .max(12),
});

const axes = <T extends string>(type: T) =>
  z
    .strictObject({ type: z.literal(type), series: z.array(series).min(1).max(12), axis_config: axis })
    .superRefine((chart, context) => {
      const { categories } = chart.axis_config;
      const problem = (message: string, path: (string | number)[]) =>
        context.addIssue({ code: 'custom', message, path });
      if (new Set(categories).size !== categories.length) {
        problem('categories must be unique', ['axis_config', 'categories']);
      }
      if (new Set(chart.series.map((one) => one.name)).size !== chart.series.length) {
        problem('series names must be unique', ['series']);
      }
      for (const [index, one] of chart.series.entries()) {
        if (hasOnePointPerCategory(one.data, categories)) continue;
        problem('must have exactly one data point per category', ['series', index, 'data']);
      }
    });

function hasOnePointPerCategory(data: { label: string }[], categories: string[]): boolean {
  const labels = new Set(data.map((one) => one.label));
  return data.length === categories.length && categories.every((category) => labels.has(category));
}

/** A native chart: every series has exactly one point for every category. */
export const dataVisualization = z.strictObject({
  type: z.literal('data_visualization'),
  block_id: identifier.optional(),
  title: z.string().min(1).max(50),
  chart: z.discriminatedUnion('type', [pie, axes('line'), axes('area'), axes('bar')]),
});
