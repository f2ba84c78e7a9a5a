import { beforeEach, describe, expect, it } from 'vitest';
import { adoptable, InheritedUnits } from './inherited-units.js';
import { AcceptorBench, ballot } from './register.test-support.js';
import type { Unit } from './unit.js';

const A = '{t}a';
const B = '{t}b';
let bench: AcceptorBench;
beforeEach(() => {
  bench = new AcceptorBench();
});

const rounds = (units: readonly Unit[]): number[] => units.map((unit) => unit.ballot.round);

describe('units that others have left behind', () => {
  it('are looked at from the highest ballot down', () => {
    const inherited = new InheritedUnits();
    expect(inherited.any).toBe(false);
    for (const round of [4, 9, 2]) inherited.add(bench.unit(ballot(round), bench.key(A, round)));
    expect(inherited.any).toBe(true);
    expect(rounds(inherited.inOrder())).toEqual([9, 4, 2]);
    inherited.drop(2);
    expect(rounds(inherited.inOrder())).toEqual([2]);
    inherited.drop(1);
    expect(inherited.any).toBe(false);
  });

  it('are one when their content is the same, under its highest ballot', () => {
    const inherited = new InheritedUnits();
    for (const round of [4, 9, 2]) inherited.add(bench.unit(ballot(round), bench.key(A, 5)));
    expect(rounds(inherited.inOrder())).toEqual([9]);
  });

  it('are forgotten with the lease', () => {
    const inherited = new InheritedUnits();
    inherited.add(bench.unit(ballot(4), bench.key(A, 4)));
    inherited.clear();
    expect(inherited.any).toBe(false);
  });
});

describe('what of a unit is proposed again', () => {
  const keysOf = (unit: Unit): string[] => {
    const entries = unit.keys.map(({ key }) => bench.loaded(key));
    return adoptable(unit, entries, bench.store).map(({ key }) => key);
  };
  const unit = (): Unit => bench.unit(ballot(3), bench.key(A, 5), bench.key(B, 6));

  it('is all of it while nobody knows what came of it', () => {
    expect(keysOf(unit())).toEqual([A, B]);
    bench.put(A, bench.record('plain', 9, bench.plain));
    expect(keysOf(unit())).toEqual([A, B]);
  });

  it('is nothing when all of it has been seen', () => {
    for (const { key, record } of unit().keys) bench.put(key, record);
    expect(keysOf(unit())).toEqual([]);
  });

  it('is nothing of an orphan', () => {
    bench.put(B, bench.record('other', 4, bench.otherSerial));
    expect(keysOf(unit())).toEqual([]);
  });

  it('is the rest of one that was chosen', () => {
    bench.put(A, bench.record(`${A}=5`, 5));
    expect(keysOf(unit())).toEqual([B]);
  });

  it('is the rest of one that was chosen also where something has come after what was seen', () => {
    bench.put(A, bench.record('later', 9, bench.otherSerial, bench.record(`${A}=5`, 5)));
    expect(keysOf(unit())).toEqual([B]);
  });
});
