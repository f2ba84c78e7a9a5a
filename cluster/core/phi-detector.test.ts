import { describe, expect, it } from 'vitest';
import { SimRandom } from '../sim/sim-random.js';
import { PhiDetector } from './phi-detector.js';

const EXPECTED_MS = 200;
const PEER = 1;
const THRESHOLD = 8;

function detectorOf(): PhiDetector {
  const detector = new PhiDetector(EXPECTED_MS);
  detector.grow(PEER + 1);
  return detector;
}

/** Hears the peer at these intervals; returns the time after the last. */
function hear(detector: PhiDetector, intervals: readonly number[], from = 0): number {
  let now = from;
  for (const interval of intervals) {
    now += interval;
    detector.heard(PEER, now);
  }
  return now;
}

/** The silence after which the peer is suspected. */
function patience(detector: PhiDetector, now: number): number {
  let silence = 0;
  while (detector.phi(PEER, now + silence) < THRESHOLD) silence++;
  return silence;
}

const regular = (count: number): number[] => new Array<number>(count).fill(EXPECTED_MS);

describe('phi', () => {
  it('rises with silence, from nothing to certainty, and never ends in infinity', () => {
    const detector = detectorOf();
    const now = hear(detector, regular(50));
    let last = -1;
    for (let silence = 0; silence < 3000; silence += 10) {
      const phi = detector.phi(PEER, now + silence);
      expect(phi).toBeGreaterThanOrEqual(last);
      last = phi;
    }
    expect(detector.phi(PEER, now)).toBeLessThan(0.01);
    expect(detector.phi(PEER, now + detector.calmMs)).toBeLessThan(1);
    expect(detector.phi(PEER, now + 86_400_000)).toBe(999);
  });

  it('is the normal tail: one deviation late is 0.8, two are 1.6, three 2.9', () => {
    const detector = detectorOf();
    const now = hear(detector, regular(50));
    const late = (deviations: number): number => detector.phi(PEER, now + 200 + 250 + deviations * 100);
    expect(late(1)).toBeCloseTo(0.8, 1);
    expect(late(2)).toBeCloseTo(1.64, 1);
    expect(late(3)).toBeCloseTo(2.87, 1);
  });

  it('suspects a regular peer about a second after its last sign, also the first time', () => {
    const detector = detectorOf();
    expect(patience(detector, 0)).toBeGreaterThan(900);
    const now = hear(detector, regular(1000));
    expect(patience(detector, now)).toBeGreaterThan(900);
    expect(patience(detector, now)).toBeLessThan(1100);
  });

  it('is more patient with an irregular peer, and as before once it is regular again', () => {
    const detector = detectorOf();
    const random = new SimRandom(1);
    const slow = Array.from({ length: 200 }, () => (random.chance(0.2) ? 800 : 200));
    const now = hear(detector, slow);
    expect(patience(detector, now)).toBeGreaterThan(1700);
    const later = hear(detector, regular(100), now);
    expect(patience(detector, later)).toBeLessThan(1100);
  });

  it('does not take much traffic for a promise of more', () => {
    const detector = detectorOf();
    const now = hear(detector, new Array<number>(5000).fill(1));
    expect(patience(detector, now)).toBeGreaterThan(900);
  });

  it('remembers silences between bursts of traffic', () => {
    const detector = detectorOf();
    const burstsAndGaps = Array.from({ length: 2000 }, (_, i) => (i % 40 === 0 ? 900 : 5));
    const now = hear(detector, burstsAndGaps);
    expect(patience(detector, now)).toBeGreaterThan(1500);
  });

  it('is not blinded by one very long silence', () => {
    const detector = detectorOf();
    const now = hear(detector, [...regular(100), 60_000, ...regular(3)]);
    expect(patience(detector, now)).toBeLessThan(1300);
  });

  it('begins anew with a new connection', () => {
    const detector = detectorOf();
    const now = hear(detector, regular(10)) + 60_000;
    expect(detector.phi(PEER, now)).toBeGreaterThan(THRESHOLD);
    detector.greet(PEER, now);
    expect(detector.phi(PEER, now)).toBeLessThan(0.01);
    expect(patience(detector, now)).toBeLessThan(1100);
  });
});
