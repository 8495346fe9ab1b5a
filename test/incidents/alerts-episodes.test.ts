import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyAlerts } from '../../src/incidents/alerts-episodes.ts';
import { alertAt, episodeAt } from './alerts-samples.ts';

const apply = (...alerts: Parameters<typeof applyAlerts>[1]) => applyAlerts(new Map(), alerts);

describe('time decides, not the order of arrival', () => {
  test('an end before its beginning opens nothing, and the beginning that follows neither', () => {
    const batch = apply(alertAt('resolved', 0, 5), alertAt('firing', 0));
    expect(batch).toMatchObject({ fired: 0, ended: 0, outOfOrder: 2 });
    expect(batch.episodes).toMatchObject([{ news: false, episode: { status: 'resolved' } }]);
  });

  test('an end that is older than the last beginning is ignored', () => {
    const batch = apply(alertAt('firing', 10), alertAt('resolved', 0, 5));
    expect(batch).toMatchObject({ fired: 1, ended: 0, outOfOrder: 1 });
    expect(batch.episodes).toMatchObject([{ news: true, episode: { status: 'firing' } }]);
  });

  test('the next episode begins after the end of the last', () => {
    const batch = apply(alertAt('firing', 0), alertAt('resolved', 0, 5), alertAt('firing', 6));
    expect(batch).toMatchObject({ fired: 2, ended: 1, outOfOrder: 0 });
    expect(batch.episodes).toMatchObject([{ news: true, episode: { status: 'firing', endedAt: null } }]);
  });

  test('the same beginning again only counts', () => {
    const known = new Map([['k', episodeAt({ status: 'firing', startsAt: 0 })]]);
    const batch = applyAlerts(known, [alertAt('firing', 0)]);
    expect(batch).toMatchObject({ fired: 1, episodes: [{ news: false, fired: 1 }] });
  });

  test('what still fires long after its incident was closed is news, once', () => {
    const known = new Map([['k', episodeAt({ status: 'firing', startsAt: 0, incidentLongOver: true })]]);
    expect(applyAlerts(known, [alertAt('firing', 0)]).episodes).toMatchObject([{ news: true }]);
  });

  test('in whatever order all parts of a story come, its end is the same', () => {
    // Episodes follow each other; each may still fire. The newest one tells how it stands.
    const stories = fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }).chain((ends) => {
      const parts = ends.flatMap((isOver, i) => [
        alertAt('firing', 10 * i),
        ...(isOver || i < ends.length - 1 ? [alertAt('resolved', 10 * i, 10 * i + 5)] : []),
      ]);
      return fc.record({
        ends: fc.constant(ends),
        parts: fc.shuffledSubarray(parts, { minLength: parts.length }),
        repeated: fc.subarray(parts),
      });
    });
    fc.assert(
      fc.property(stories, ({ ends, parts, repeated }) => {
        const { episodes } = apply(...parts, ...repeated);
        expect(episodes).toHaveLength(1);
        expect(episodes[0]?.episode.status).toBe(ends.at(-1) ? 'resolved' : 'firing');
      }),
      { numRuns: 1_000 },
    );
  });

  test('a batch cut in two has the same outcome as a whole one', () => {
    const parts = fc.array(
      fc.record({ at: fc.nat(20), length: fc.nat(8), over: fc.boolean(), key: fc.constantFrom('k', 'l') }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(parts, fc.nat(20), (list, cut) => {
        const alerts = list.map(({ at, length, over, key }) =>
          alertAt(over ? 'resolved' : 'firing', at, over ? at + length : at, key),
        );
        const whole = apply(...alerts);
        const first = apply(...alerts.slice(0, cut));
        const known = new Map(
          first.episodes.map(({ episode }) => [episode.episodeKey, { ...episode, id: 1 }] as const),
        );
        const second = applyAlerts(known, alerts.slice(cut));
        expect(first.fired + second.fired).toBe(whole.fired);
        for (const { episode } of whole.episodes) {
          const last = [...first.episodes, ...second.episodes].findLast(
            (one) => one.episode.episodeKey === episode.episodeKey,
          );
          expect(last?.episode).toMatchObject({ status: episode.status, startsAt: episode.startsAt });
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
