import { describe, expect, it } from 'vitest';
import { type Greeting, Membership, parseGreeting } from './membership.js';

const SEEDS = ['a:1', 'b:1', 'c:1'];

function membershipOf(name: string, seeds: readonly string[], nodeId = name): Membership {
  const address = `${name}:1`;
  const own = {
    nodeId,
    incarnation: 0,
    life: 0,
    boot: 0,
    clock: 0,
    clientAddress: `${name}:2`,
    rack: '',
    weight: 1,
    shared: { replicas: 3 },
  };
  const membership = new Membership(() => own, address, seeds, undefined, { replicas: 3, vnodes: 8 });
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
      expect(one.members!.map((member) => member.busAddress)).toEqual(SEEDS);
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

  it('with the node that is at an address now, not also with the one that was there before', () => {
    const a = membershipOf('a', SEEDS);
    // It lost its disk before it heard of the others.
    a.met(sent(membershipOf('b', ['b:1'], 'the lost b')));
    meet(a, membershipOf('b', SEEDS), membershipOf('c', SEEDS));
    expect(a.tryToForm()).toBe(true);
    expect(a.members!.map((member) => member.nodeId)).toEqual(['a', 'b', 'c']);
  });

  it('with the same tokens on all nodes, also after one comes back with another identity, rack and weight', () => {
    const all = ['a', 'b', 'c'].map((name) => membershipOf(name, SEEDS));
    meet(...all);
    for (const one of all) one.tryToForm();
    const [a, b] = all;
    const places = (one: Membership) =>
      one.members!.map(({ name, tokens, rack, weight }) => ({ name, tokens, rack, weight }));
    const before = places(a);
    expect(places(b)).toEqual(before);
    a.met({ ...sent(b), nodeId: 'b again', rack: 'r', weight: 2 });
    expect(a.members![1].nodeId).toBe('b again');
    expect(places(a)).toEqual(before);
  });

  it('and knows the members of an old folder by the tokens they had', () => {
    const a = membershipOf('a', SEEDS);
    meet(a, membershipOf('b', SEEDS), membershipOf('c', SEEDS));
    a.tryToForm();
    const saved = JSON.parse(JSON.stringify({ members: a.members!.map(({ tokens, ...old }) => old) }));
    const again = new Membership(() => sent(a), 'a:1', SEEDS, saved, { replicas: 3, vnodes: 8 });
    expect(again.members!.map(({ tokens }) => tokens)).toEqual(SEEDS);
  });
});
