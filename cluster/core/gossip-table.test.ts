import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GossipTable, type MemberState } from './gossip-table.js';

const NAMES = ['a', 'b', 'c'];
const NOW = 1_700_000_000_000;

function tableOf(self: number, generation = NOW): GossipTable {
  const table = new GossipTable(self, NAMES[self], generation, `facts of ${NAMES[self]}`);
  NAMES.forEach((name, member) => {
    if (member !== self) table.add(member, name);
  });
  return table;
}

function told(table: GossipTable, state: Partial<MemberState> & { member: number }): boolean {
  return table.merge({ generation: NOW, version: 1, down: false, facts: '', ...state }, NOW);
}

/** Any state of any other member than 0. */
const anyState: fc.Arbitrary<MemberState> = fc
  .record({
    member: fc.integer({ min: 1, max: 2 }),
    generation: fc.integer({ min: NOW, max: NOW + 2 }),
    version: fc.integer({ min: 1, max: 3 }),
    down: fc.boolean(),
  })
  .map((state) => ({ ...state, facts: `${state.member} ${state.generation} ${state.version}` }));

describe('what is known of a member', () => {
  it('is the newest that it said itself', () => {
    const table = tableOf(0);
    expect(told(table, { member: 1, version: 2, facts: 'two' })).toBe(true);
    expect(told(table, { member: 1, version: 1, facts: 'one' })).toBe(false);
    expect(table.state(1)).toMatchObject({ version: 2, facts: 'two' });
  });

  it('of a later life replaces all that was known of the one before', () => {
    const table = tableOf(0);
    told(table, { member: 1, version: 9, down: true });
    expect(told(table, { member: 1, generation: NOW + 1, version: 1, facts: 'reborn' })).toBe(true);
    expect(table.state(1)).toEqual({
      member: 1,
      generation: NOW + 1,
      version: 1,
      down: false,
      facts: 'reborn',
    });
    expect(told(table, { member: 1, version: 10 })).toBe(false);
  });

  it('is that it is down, if anybody says so of that version, until it contradicts itself by a higher one', () => {
    const table = tableOf(0);
    told(table, { member: 1, version: 4 });
    expect(told(table, { member: 1, version: 4, down: true })).toBe(true);
    expect(told(table, { member: 1, version: 4 })).toBe(false);
    expect(table.isDown(1)).toBe(true);
    told(table, { member: 1, version: 5 });
    expect(table.isDown(1)).toBe(false);
    expect(told(table, { member: 1, version: 4, down: true })).toBe(false);
  });

  it('is not taken from a clock a year ahead: nobody could ever contradict it', () => {
    const table = tableOf(0);
    expect(told(table, { member: 1, generation: NOW * 2 })).toBe(false);
    expect(told(table, { member: 0, generation: NOW * 2, down: true })).toBe(false);
    expect(table.state(0).generation).toBe(NOW);
  });

  it('is the same, whatever the order in which it is learnt and however often', () => {
    fc.assert(
      fc.property(fc.array(anyState, { maxLength: 12 }), fc.integer(), (states, salt) => {
        const table = tableOf(0);
        const other = tableOf(0);
        for (const state of states) told(table, state);
        const shuffled = [...states, ...states].sort(
          (a, b) => ((a.version * 31 + a.generation + salt) % 7) - ((b.version * 17 + salt) % 5),
        );
        for (const state of shuffled) told(other, state);
        expect(other.digests()).toEqual(table.digests());
        expect([other.sumA, other.sumB]).toEqual([table.sumA, table.sumB]);
      }),
    );
  });
});

describe('a member itself', () => {
  it('says what has changed under a higher version, and nothing when nothing has', () => {
    const table = tableOf(0);
    table.declare('facts of a');
    expect(table.state(0).version).toBe(1);
    table.declare('others');
    expect(table.state(0)).toMatchObject({ version: 2, facts: 'others', down: false });
  });

  it('refutes that it is down', () => {
    const table = tableOf(0);
    expect(told(table, { member: 0, version: 1, down: true })).toBe(true);
    expect(table.state(0)).toMatchObject({ version: 2, down: false, facts: 'facts of a' });
    expect(told(table, { member: 0, version: 1, down: true })).toBe(false);
  });

  it('outdoes a life of its own that it does not remember, as after its clock was set back', () => {
    const table = tableOf(0);
    told(table, { member: 0, generation: NOW + 5000, version: 7, facts: 'past' });
    expect(table.state(0)).toMatchObject({ generation: NOW + 5001, version: 1, facts: 'facts of a' });
    const sameStart = tableOf(0);
    told(sameStart, { member: 0, version: 7, facts: 'past' });
    expect(sameStart.state(0)).toMatchObject({ generation: NOW, version: 8, facts: 'facts of a' });
  });

  it('cannot be accused by itself', () => {
    const table = tableOf(0);
    table.accuse(0);
    expect(table.isDown(0)).toBe(false);
  });
});

describe('a member that has left', () => {
  it('leaves the table as if it had never been known', () => {
    const table = tableOf(0);
    told(table, { member: 2, version: 4, facts: 'stays' });
    const without = [table.sumA, table.sumB];
    told(table, { member: 1, version: 3, down: true });
    expect([table.sumA, table.sumB]).not.toEqual(without);
    table.remove(1);
    expect([table.sumA, table.sumB]).toEqual(without);
    expect(table.digests().map(({ member }) => member)).toEqual([0, 2]);
    expect(table.state(2)).toMatchObject({ version: 4, facts: 'stays' });
    const neverKnewIt = new GossipTable(0, NAMES[0], NOW, 'facts of a');
    neverKnewIt.add(2, NAMES[2]);
    told(neverKnewIt, { member: 2, version: 4, facts: 'stays' });
    expect([neverKnewIt.sumA, neverKnewIt.sumB]).toEqual(without);
  });

  it('is not brought back by a late rumour, and is when it is let in anew', () => {
    const table = tableOf(0);
    table.remove(1);
    expect(told(table, { member: 1, version: 9, down: true })).toBe(false);
    expect(table.isDown(1)).toBe(false);
    table.add(1, NAMES[1]);
    expect(table.state(1)).toMatchObject({ generation: 0, version: 0, facts: '' });
    expect(told(table, { member: 1, version: 9, facts: 'back' })).toBe(true);
  });
});

describe('a member with a number far above the others', () => {
  it('is known like any other, and nobody stands for the numbers between', () => {
    const table = tableOf(0);
    table.add(40, 'far');
    told(table, { member: 40, version: 2, facts: 'far away' });
    expect(table.members).toEqual([0, 1, 2, 40]);
    expect(told(table, { member: 17, version: 2 })).toBe(false);
    expect(table.state(40)).toMatchObject({ version: 2, facts: 'far away' });
  });
});

describe('the sums of a table', () => {
  it('differ with any difference', () => {
    const seen = new Set<string>();
    const note = (table: GossipTable): unknown => seen.add(`${table.sumA} ${table.sumB}`);
    let count = 0;
    for (const version of [1, 2, 3])
      for (const generation of [NOW, NOW + 1, NOW + 0x1_0000_0000])
        for (const down of [false, true])
          for (const member of [1, 2]) {
            const table = tableOf(0);
            told(table, { member, generation, version, down });
            note(table);
            count++;
          }
    expect(seen.size).toBe(count);
  });

  it('compare tells who knows more', () => {
    const table = tableOf(0);
    told(table, { member: 1, version: 3 });
    const digest = table.digest(1);
    expect(table.compare(digest)).toBe(0);
    expect(table.compare({ ...digest, version: 2 })).toBeGreaterThan(0);
    expect(table.compare({ ...digest, version: 2, generation: NOW + 1 })).toBeLessThan(0);
    expect(table.compare({ ...digest, down: true })).toBeLessThan(0);
  });
});
