import { describe, expect, it } from 'vitest';
import { firstRing } from './elastic/ring-state.js';
import { type Greeting, Membership, parseGreeting } from './membership.js';
import { parseSavedRing, type SavedRing, shapeObjection } from './saved-ring.js';

const SHAPE = { replicas: 3, vnodes: 8, databases: 16 };
const SEEDS = ['a:1', 'b:1', 'c:1'];

function ownOf(name: string) {
  return {
    nodeId: name,
    incarnation: 0,
    life: 0,
    boot: 0,
    clock: 0,
    clientAddress: `${name}:2`,
    rack: '',
    weight: 1,
    shared: { replicas: 3 },
  };
}

function membershipOf(name: string, seeds: readonly string[], nodeId = name, saved?: SavedRing): Membership {
  const address = `${name}:1`;
  const own = { ...ownOf(name), nodeId };
  const membership = new Membership(() => own, address, seeds, saved, SHAPE);
  for (const seed of seeds) {
    if (seed === address) membership.learnOwnAddress(seed);
    membership.tried(seed);
  }
  return membership;
}

/** As it arrives elsewhere. */
function sent(from: Membership): Greeting {
  const greeting = parseGreeting(JSON.stringify(from.greeting()));
  if (greeting === undefined) throw new Error('not a greeting');
  return greeting;
}

/** Everybody tells everybody until nothing changes any more. */
function meet(...all: Membership[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const to of all) for (const from of all) if (to !== from && to.met(sent(from))) changed = true;
  }
}

describe('a cluster forms', () => {
  it('of all whose seeds, put together, name them all; each says so from then on', () => {
    const [a, b, c] = [
      membershipOf('a', ['a:1', 'b:1']),
      membershipOf('b', ['b:1', 'c:1']),
      membershipOf('c', ['c:1', 'a:1']),
    ];
    meet(a, b, c);
    for (const one of [a, b, c]) {
      expect(sent(one).formed).toBe(false);
      expect(one.tryToForm()).toBe(true);
      expect(sent(one).formed).toBe(true);
      expect(one.ring!.current.map((member) => member.busAddress)).toEqual(SEEDS);
    }
  });

  it('not before everybody was reached, nor while anybody knows of somebody else', () => {
    const a = membershipOf('a', SEEDS);
    meet(a, membershipOf('b', SEEDS));
    expect(a.tryToForm()).toBe(false);
    expect(a.missing).toEqual(['c:1']);
    const c = membershipOf('c', [...SEEDS, 'd:1']);
    a.met(sent(c));
    expect(a.tryToForm()).toBe(false);
    expect(a.missing).toEqual(['d:1']);
  });

  it('of one that nobody has met only after a while: it may have lost its disk, and others may know it', () => {
    const a = membershipOf('a', ['a:1']);
    expect(a.tryToForm()).toBe(false);
    expect(a.tryToForm(true)).toBe(true);
    // Who cannot be met need not wait.
    expect(new Membership(() => ownOf('a'), '0.0.0.0:0', [], undefined, SHAPE).tryToForm()).toBe(true);
  });

  it('with the node that is at an address now, not also with the one that was there before', () => {
    const a = membershipOf('a', SEEDS);
    // It lost its disk before it heard of the others.
    a.met(sent(membershipOf('b', ['b:1'], 'the lost b')));
    meet(a, membershipOf('b', SEEDS), membershipOf('c', SEEDS));
    expect(a.tryToForm()).toBe(true);
    expect(a.ring!.current.map((member) => member.nodeId)).toEqual(['a', 'b', 'c']);
  });
});

/** What a cluster that has formed of these goes by, seen from each. */
function formedOf(...names: string[]): Membership[] {
  const seeds = names.map((name) => `${name}:1`);
  const all = names.map((name) => membershipOf(name, seeds));
  meet(...all);
  for (const one of all) expect(one.tryToForm()).toBe(true);
  return all;
}

describe('a cluster that has formed', () => {
  it('goes by the same first ring and the same name everywhere', () => {
    const [a, b] = formedOf('a', 'b', 'c');
    expect(a.ring).toEqual(b.ring);
    expect(a.ring).toMatchObject({ epoch: 1, phase: 'stable' });
    expect(sent(a)).toMatchObject({ epoch: 1, cluster: sent(b).cluster });
  });

  it('lets a node in that belongs to none yet, and does not take it for a member', () => {
    const [a] = formedOf('a', 'b', 'c');
    const d = membershipOf('d', ['a:1']);
    expect(a.objection(sent(d))).toBe(null);
    a.letIn(sent(d));
    a.met(sent(d));
    expect(a.known).toEqual(SEEDS);
    expect(a.has('d:1')).toBe(false);
  });

  it('refuses who belongs to another, and who is set up differently', () => {
    const [a] = formedOf('a', 'b', 'c');
    const [x] = formedOf('x', 'y');
    expect(a.objection(sent(x))).toBe('x:1 belongs to another cluster than a:1');
    expect(a.objection({ ...sent(membershipOf('d', ['a:1'])), shared: { replicas: 5 } })).toMatch(
      'setting replicas must be the same on all nodes: it is 3 here and 5 there',
    );
  });

  it('is what a node looks for that has met it and is not in it: it forms none of its own', () => {
    const [a, b] = formedOf('a', 'b', 'c');
    const d = membershipOf('d', ['a:1', 'b:1']);
    for (const one of [a, b]) d.met(sent(one));
    expect(d.tryToForm()).toBe(false);
    expect(d.hosts).toEqual(['a:1', 'b:1']);
    d.adopt({ ...firstRing([...a.ring!.current, { ...a.ring!.current[0], name: 'd:1' }]), epoch: 2 });
    expect(d.hosts).toEqual([]);
    expect(sent(d)).toMatchObject({ epoch: 2, cluster: sent(a).cluster, formed: false });
  });

  it.each([1, 3])('of which a node has lost its disk does not form anew for it, at epoch %i', (epoch) => {
    const all = formedOf('a', 'b', 'c');
    for (const one of all) one.adopt({ ...one.ring!, epoch });
    const lost = membershipOf('c', SEEDS, 'another');
    for (const one of all.slice(0, 2)) lost.met(sent(one));
    expect(lost.tryToForm()).toBe(false);
    expect(lost.hosts).toEqual([]);
  });

  it('names only some of its members where there are many', () => {
    const [a] = formedOf('a', 'b', 'c');
    const many = Array.from({ length: 200 }, (_, i) => ({ ...a.ring!.current[0], name: `n${i}:1` }));
    a.adopt({ ...a.ring!, epoch: 3, current: [...a.ring!.current, ...many] });
    expect(sent(a).addresses).toHaveLength(64);
    expect(a.known).toHaveLength(203);
  });

  it('knows whose disk was lost: the name stays, and in the ring nothing changes', () => {
    const [a] = formedOf('a', 'b', 'c');
    const before = a.ring;
    const another = { ...sent(membershipOf('b', SEEDS, 'another')), rack: 'r', weight: 2 };
    expect(a.met(another)).toBe(true);
    const old = before!.current[1];
    expect(a.members[1]).toEqual({ ...old, nodeId: 'another' });
    expect(a.ring).toBe(before);
  });
});

describe('what is kept of it', () => {
  function kept(one: Membership): SavedRing {
    return parseSavedRing(JSON.parse(JSON.stringify(one.saved(one.ring!))))!;
  }

  it('is enough to go on without having met anybody', () => {
    const [a] = formedOf('a', 'b', 'c');
    a.met(sent(membershipOf('b', SEEDS, 'another')));
    const again = membershipOf('a', [], 'a', kept(a));
    expect(again.ring).toEqual(a.ring);
    expect(again.members).toEqual(a.members);
    expect(sent(again)).toMatchObject({ busAddress: 'a:1', epoch: 1, cluster: sent(a).cluster });
  });

  it('names the node that took over the name of one whose disk was lost', () => {
    const [a] = formedOf('a', 'b', 'c');
    const lost = membershipOf('c', SEEDS, 'another');
    lost.adopt(a.ring!);
    expect(membershipOf('c', [], 'another', kept(lost)).ownName).toBe('c:1');
  });

  it('counts, not the rack and the weight that the node is set up with since', () => {
    const [a] = formedOf('a', 'b', 'c');
    const overruled = (changes: object) =>
      new Membership(() => ({ ...ownOf('a'), ...changes }), 'a:1', [], kept(a), SHAPE).overruled;
    expect(overruled({})).toEqual([]);
    expect(overruled({ rack: 'r', weight: 2 })).toEqual([
      expect.stringMatching(/^rack is r, but in the ring this node is in rack ''/),
      expect.stringMatching(/^weight is 2, but in the ring this node has 1/),
    ]);
  });

  it('may be a list of members, from before there were rings', () => {
    const [a] = formedOf('a', 'b', 'c');
    const members = a.ring!.current.map(({ tokens, ...member }) => member);
    const read = parseSavedRing({ members })!;
    // Then their names were what tokens are made from.
    expect(read.ring.current.map(({ tokens }) => tokens)).toEqual(SEEDS);
    expect(read.ring).toMatchObject({ epoch: 1, phase: 'stable' });
    expect(read.cluster).toBe(sent(a).cluster);
    expect(shapeObjection(read, { replicas: 5, vnodes: 1, databases: 1 })).toBe(null);
  });

  it('holds to the shape by which the slots were placed', () => {
    const [a] = formedOf('a', 'b', 'c');
    expect(shapeObjection(kept(a), SHAPE)).toBe(null);
    expect(shapeObjection(kept(a), { ...SHAPE, replicas: 5 })).toMatch(
      /^replicas is 5, but .* by replicas 3/,
    );
    expect(shapeObjection(kept(a), { ...SHAPE, vnodes: 16 })).toMatch(/^vnodes is 16, but .* by vnodes 8/);
  });

  it('has never fewer databases', () => {
    const [a] = formedOf('a', 'b', 'c');
    expect(shapeObjection(kept(a), { ...SHAPE, databases: 17 })).toBe(null);
    expect(shapeObjection(kept(a), { ...SHAPE, databases: 15 })).toMatch(
      /^databases is 15, but there are 16/,
    );
  });

  it('lets a node alone have another shape: it has all slots under any', () => {
    const alone = new Membership(() => ownOf('a'), '0.0.0.0:0', [], undefined, SHAPE);
    expect(alone.tryToForm()).toBe(true);
    expect(shapeObjection(kept(alone), { ...SHAPE, replicas: 1, vnodes: 1 })).toBe(null);
  });

  it('is the ring of a node that was alone: with seeds it goes on under the name by which others reach it', () => {
    const alone = new Membership(() => ownOf('a'), '0.0.0.0:0', [], undefined, SHAPE);
    expect(alone.tryToForm()).toBe(true);
    const again = new Membership(() => ownOf('a'), '0.0.0.0:1', ['a:1'], kept(alone), SHAPE);
    expect(again.ring).toBe(undefined);
    again.learnOwnAddress('a:1');
    expect(again.ring!.current.map(({ name }) => name)).toEqual(['a:1']);
    expect(again.ring!.epoch).toBe(2);
    expect(sent(again)).toMatchObject({ formed: true, busAddress: 'a:1', cluster: sent(alone).cluster });
  });
});
