import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyRecord, STRING } from './record.js';
import { LEAVES, leafOf, leafRange, SlotTrees } from './slot-trees.js';
import { fnv1a } from './writers.js';

const SLOT_COUNT = 4;
const DBS = 2;

function newTrees(): SlotTrees {
  return new SlotTrees(SLOT_COUNT, {
    a: (record) => fnv1a(`a${record.siblings[0].hlc}`),
    b: (record) => fnv1a(`b${record.siblings[0].hlc}`),
  });
}

function record(hlc: number): KeyRecord {
  return { context: [0, hlc], siblings: [{ writer: 0, hlc, type: STRING, expireAt: 0, payload: '' }] };
}

/** Everything the trees say. */
function said(trees: SlotTrees): number[] {
  const all: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    all.push(trees.slotA(slot), trees.slotB(slot));
    for (let db = 0; db < DBS; db++)
      for (let leaf = 0; leaf < LEAVES; leaf++)
        all.push(trees.leafA(db, slot, leaf), trees.leafB(db, slot, leaf));
  }
  return all;
}

/** [database, key's number, version; 0 = removed] */
const changes = fc.array(fc.tuple(fc.nat(DBS - 1), fc.nat(40), fc.nat(5)), { maxLength: 200 });

/** Applies changes to trees; returns what there is afterwards. */
function apply(trees: SlotTrees, all: readonly (readonly [number, number, number])[]): Map<string, number> {
  const now = new Map<string, number>();
  for (const [db, key, version] of all) {
    const name = `${db} ${key}`;
    const old = now.get(name);
    const before = old === undefined ? null : record(old);
    trees.changed(db, key % SLOT_COUNT, fnv1a(String(key)), before, version === 0 ? null : record(version));
    if (version === 0) now.delete(name);
    else now.set(name, version);
  }
  return now;
}

function built(from: ReadonlyMap<string, number>): SlotTrees {
  const trees = newTrees();
  for (const [name, version] of from) {
    const [db, key] = name.split(' ').map(Number);
    trees.changed(db, key % SLOT_COUNT, fnv1a(String(key)), null, record(version));
  }
  return trees;
}

describe('trees', () => {
  it('kept up to date by changes are the trees built from what is there', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const trees = newTrees();
        const left = apply(trees, all);
        expect(said(trees)).toEqual(said(built(left)));
      }),
    );
  });

  it('a sum over some slots is that of each of them', () => {
    fc.assert(
      fc.property(
        changes,
        fc.uint8Array({ minLength: SLOT_COUNT, maxLength: SLOT_COUNT, max: 1 }),
        (all, has) => {
          const trees = newTrees();
          apply(trees, all);
          const wanted = { a: 0, b: 0 };
          for (let slot = 1; slot < SLOT_COUNT; slot++) {
            if (has[slot] === 0) continue;
            wanted.a = (wanted.a + trees.slotA(slot)) >>> 0;
            wanted.b = (wanted.b + trees.slotB(slot)) >>> 0;
          }
          expect(trees.sumOver(has, 1, SLOT_COUNT)).toEqual(wanted);
        },
      ),
    );
  });

  it('survive saving, and come back only into trees of the same form', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const trees = newTrees();
        apply(trees, all);
        const kept = newTrees();
        expect(kept.restore(trees.save())).toBe(true);
        expect(said(kept)).toEqual(said(trees));
      }),
    );
  });

  it.each([Buffer.alloc(0), Buffer.from([9]), Buffer.from([1, 0, 0, 0, 0, 1, 0]), Buffer.alloc(40, 1)])(
    'take nothing from rubbish',
    (saved) => {
      const trees = newTrees();
      expect(trees.restore(saved)).toBe(false);
      expect(said(trees).every((sum) => sum === 0)).toBe(true);
    },
  );

  it('tell one key, database or version from another', () => {
    const sums = new Set<string>();
    for (const [db, key, version] of [
      [0, 'x', 1],
      [0, 'x', 2],
      [0, 'y', 1],
      [1, 'x', 1],
    ] as const) {
      const trees = newTrees();
      trees.changed(db, 0, fnv1a(key), null, record(version));
      sums.add(`${trees.slotA(0)} ${trees.slotB(0)}`);
    }
    expect(sums.size).toBe(4);
  });

  it('of two versions that change places differ', () => {
    const [one, other] = [newTrees(), newTrees()];
    one.changed(0, 0, fnv1a('x'), null, record(1));
    one.changed(0, 0, fnv1a('y'), null, record(2));
    other.changed(0, 0, fnv1a('x'), null, record(2));
    other.changed(0, 0, fnv1a('y'), null, record(1));
    expect(one.slotA(0)).not.toBe(other.slotA(0));
    expect(one.slotB(0)).not.toBe(other.slotB(0));
  });
});

it('the leaves cover all hashes without a gap', () => {
  for (let leaf = 0; leaf < LEAVES; leaf++) {
    const { from, to } = leafRange(leaf);
    expect([leafOf(from), leafOf(to)]).toEqual([leaf, leaf]);
    expect(from).toBe(leaf === 0 ? 0 : leafRange(leaf - 1).to + 1);
  }
  expect(leafRange(LEAVES - 1).to).toBe(0xffffffff);
});
