import { expect, it } from 'vitest';
import { TransitAges } from './transit-ages.js';

const PEER = 2;
const HOUR_MS = 3_600_000;

it('what takes longer than the quickest has waited for as long as that', () => {
  const ages = new TransitAges();
  expect(ages.age(PEER, 500_000, 1010)).toBe(0);
  expect(ages.age(PEER, 500_100, 1100.7)).toBe(0);
  expect(ages.age(PEER, 500_200, 1205)).toBe(5);
  expect(ages.age(PEER, 500_300, 21_300)).toBe(20_000);
  expect(ages.age(PEER, 520_300, 21_301)).toBe(1);
});

it.each([
  ['slower', 1 + 1e-4],
  ['faster', 1 - 1e-4],
])('a clock that goes %s is no age', (_, rate) => {
  const ages = new TransitAges();
  let oldest = 0;
  for (let now = 0; now < 24 * HOUR_MS; now += 1000)
    oldest = Math.max(oldest, ages.age(PEER, Math.floor(now * rate) >>> 0, now));
  expect(oldest).toBeLessThan(70);
  const now = 24 * HOUR_MS;
  expect(ages.age(PEER, Math.floor((now - 5000) * rate) >>> 0, now)).toBeGreaterThan(4900);
});

it('clocks wrap around', () => {
  const ages = new TransitAges();
  const before = 2 ** 32 - 10;
  expect(ages.age(PEER, before, 100)).toBe(0);
  expect(ages.age(PEER, (before + 20) >>> 0, 120)).toBe(0);
  expect(ages.age(PEER, (before + 30) >>> 0, 200)).toBe(70);
});

it('a new connection begins anew', () => {
  const ages = new TransitAges();
  ages.age(PEER, 900_000, 1000);
  ages.forget(PEER);
  expect(ages.age(PEER, 3, 2000)).toBe(0);
  expect(ages.age(PEER, 13, 2015)).toBe(5);
});
