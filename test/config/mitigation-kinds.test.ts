import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { MITIGATION_KINDS } from '../../src/config/schema.ts';
import { MITIGATIONS } from '../../src/mitigations/index.ts';

test('the kinds that can be disabled are those that there are', () => {
  expect([...MITIGATION_KINDS].sort()).toEqual(MITIGATIONS.map(({ kind }) => kind).sort());
});

test('a mistyped kind is an error, not a switch that does nothing', () => {
  const service = {
    title: 'API',
    channel: 'C1',
    targets: {},
    mitigations: { disabled: ['terminate_backend'] },
  };
  expect(() => parseConfig({ services: { api: service } }, {}, 'the file')).toThrow(
    /services\.api\.mitigations\.disabled\[0\]: found "terminate_backend", expected cancel-query or terminate-backend/,
  );
});
