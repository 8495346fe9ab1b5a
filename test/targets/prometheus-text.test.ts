import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePrometheusText } from '../../src/targets/prometheus-text.ts';

test('reads what django_prometheus writes', () => {
  const text = [
    '# HELP django_http_requests_latency_seconds_by_view_method Histogram',
    '# TYPE django_http_requests_latency_seconds_by_view_method histogram',
    'django_http_requests_latency_seconds_by_view_method_bucket{le="+Inf",method="GET",view="account-list"} 12.0',
    'process_cpu_seconds_total 1.5e+03 1700000000000',
    'a{} NaN',
    'b{x="a\\"b\\\\c\\nd{}"} -Inf',
    'this is no sample',
    'c{x="unterminated} 1',
  ].join('\n');
  expect(parsePrometheusText(text)).toEqual([
    {
      name: 'django_http_requests_latency_seconds_by_view_method_bucket',
      labels: { le: '+Inf', method: 'GET', view: 'account-list' },
      value: 12,
    },
    { name: 'process_cpu_seconds_total', labels: {}, value: 1500 },
    { name: 'a', labels: {}, value: Number.NaN },
    { name: 'b', labels: { x: 'a"b\\c\nd{}' }, value: Number.NEGATIVE_INFINITY },
  ]);
});

test('reads only the names that are wanted', () => {
  expect(parsePrometheusText('a 1\nb 2\n', (name) => name === 'b')).toEqual([
    { name: 'b', labels: {}, value: 2 },
  ]);
});

const name = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,20}$/);
const label = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,10}$/).filter((key) => key !== '__proto__');
const sample = fc.record({
  name,
  labels: fc.dictionary(label, fc.string({ unit: 'binary' }), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.NaN, Infinity, -Infinity)),
});

function write({ name, labels, value }: { name: string; labels: Record<string, string>; value: number }) {
  const pairs = Object.entries(labels).map(
    ([key, text]) =>
      `${key}="${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  const shown = Number.isFinite(value)
    ? String(value)
    : Number.isNaN(value)
      ? 'NaN'
      : value > 0
        ? '+Inf'
        : '-Inf';
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${shown}`;
}

test('what is written is read back, whatever the labels hold', () => {
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 10 }), (samples) => {
      const read = parsePrometheusText(samples.map(write).join('\n'));
      expect(read).toEqual(
        samples.map((s) => ({ ...s, value: s.value === 0 ? expect.closeTo(0) : s.value })),
      );
    }),
    { numRuns: 300 },
  );
});

test('no text makes it throw or hang', () => {
  fc.assert(fc.property(fc.string({ maxLength: 2_000 }), (text) => void parsePrometheusText(text)));
  const hostile = `a{x="${'\\'.repeat(100_000)}`;
  const begin = performance.now();
  expect(parsePrometheusText(hostile)).toEqual([]);
  expect(parsePrometheusText(`a{${'"a"'.repeat(30_000)} `)).toEqual([]);
  expect(performance.now() - begin).toBeLessThan(500);
});
