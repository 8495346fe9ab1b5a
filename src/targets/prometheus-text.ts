export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

// name, labels in braces (quoted values may hold anything but a bare quote), value, optional timestamp.
const LINE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Record<string, string> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

/**
 * Parses the samples of the Prometheus text format (version 0.0.4) whose name `wanted` accepts. A line that is
 * not a sample is left out. https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parsePrometheusText(text: string, wanted: (name: string) => boolean = () => true): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const nameEnd = line.search(/[^a-zA-Z0-9_:]/);
    if (!wanted(line.slice(0, nameEnd))) continue;
    const [, name, labelText = '', valueText = ''] = LINE.exec(line) ?? [];
    const value = parseValue(valueText);
    if (name === undefined || value === null) continue;
    samples.push({ name, labels: parseLabels(labelText), value });
  }
  return samples;
}

/** Reads a value of the text format or of Prometheus' HTTP API; null when it is no number at all. */
export function parseValue(text: string): number | null {
  if (/^\+?Inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-Inf$/i.test(text)) return Number.NEGATIVE_INFINITY;
  if (/^NaN$/i.test(text)) return Number.NaN;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return null;
  return Number(text);
}

function parseLabels(text: string): Record<string, string> {
  const pairs = [...text.matchAll(LABEL)].map(([, name = '', value = '']): [string, string] => [
    name,
    value.replace(/\\[n"\\]/g, (escaped) => ESCAPES[escaped] ?? escaped),
  ]);
  // fromEntries defines own properties, also for a label called __proto__.
  return Object.fromEntries(pairs);
}
