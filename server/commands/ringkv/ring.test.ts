import { beforeEach, describe, expect, it } from 'vitest';
import { RingControl } from '../../../cluster/core/elastic/ring-control.js';
import { NOT_DECIDED, RING_BUSY, type RingChange } from '../../../cluster/core/elastic/ring-proposals.js';
import type { RingRegister } from '../../../cluster/core/elastic/ring-register.js';
import {
  advanced,
  changed,
  everybody,
  firstRing,
  type RingState,
} from '../../../cluster/core/elastic/ring-state.js';
import type { MemberView } from '../../../cluster/core/member-view.js';
import { type Member, Topology } from '../../../cluster/core/topology.js';
import { parseReply, type Reply } from '../../../compat-tests/differential/reply-tree.js';
import { ringView } from '../../operator/ring-view.js';
import { TestDesk } from '../connection/test-desk.js';
import { ringCommands } from './ring.js';
import { ringChangeCommands } from './ring-changes.js';

const UP: MemberView = { state: 'up', phi: 0, generation: 1, version: 1, facts: undefined, clockOffBy: 0 };
const MEMBERS: readonly Member[] = ['a', 'b', 'c', 'd'].map((name) => ({
  name: `${name}:2`,
  tokens: `${name}:2`,
  rack: '',
  weight: 1,
  nodeId: `cafe${name.repeat(28)}`,
  busAddress: `${name}:2`,
  clientAddress: `${name}:1`,
}));
const NEWCOMER: Member = { ...MEMBERS[3], name: 'e:2', busAddress: 'e:2', clientAddress: 'e:1' };
const START = firstRing(MEMBERS.slice(0, 3));
const JOIN = changed(START, MEMBERS)!;

let desk: TestDesk;
/** What became of the ring, or why not, of each change asked for. */
let results: (RingState | string | null)[];
/** What the vote comes to. */
let failure: string | null;
beforeEach(() => {
  desk = new TestDesk([...ringCommands, ...ringChangeCommands]);
  results = [];
  failure = null;
});
const run = (...argv: string[]): string => desk.run(desk.connect(), ...argv);

function form(ring: RingState, alive = 'abcd'): void {
  const topology = new Topology(MEMBERS, 0, 2, 8, false, ring);
  for (const name of alive) topology.setAlive(topology.numberOf(`${name}:2`)!, true);
  desk.topology = topology;
  desk.views = MEMBERS.map(() => UP);
  const register = {
    change: (change: RingChange, done: (failure: string | null) => void) => {
      const next = change(ring);
      results.push(next);
      done(typeof next === 'string' ? next : failure);
    },
  } as RingRegister;
  desk.ring = new RingControl({
    isKnown: () => true,
    register,
    shape: { replicas: 2, vnodes: 8 },
    ring: () => results.filter((one) => one !== null && typeof one !== 'string').at(-1) ?? ring,
    members: () => everybody(ring),
    applicants: () => [NEWCOMER],
    stateOf: (name) => (topology.alive[topology.numberOf(name)!] === 1 ? 'up' : 'down'),
  });
}

/** The names of the members there would be. */
function asked(): string[][] {
  return results.map((one) => (one as RingState).other!.map(({ name }) => name));
}

function plain(reply: Reply): never {
  const value = reply.type === '*' ? reply.elements.map(plain) : reply.text;
  return value as never;
}

describe('KV.RING', () => {
  it('is refused while the cluster is forming', () => {
    expect(run('kv.ring')).toBe('-CLUSTERDOWN The cluster is forming\r\n');
    expect(run('kv.leave')).toBe('-CLUSTERDOWN The cluster is forming\r\n');
    expect(run('kv.rollback')).toBe('-CLUSTERDOWN The cluster is forming\r\n');
  });

  it('tells who owns how much, what each carries, and how far the change is', () => {
    form(JOIN);
    const progress = { epoch: JOIN.epoch, done: false, left: 5, total: 9, bytes: 77 };
    desk.views[3] = { ...UP, facts: { id: 'feed', address: 'd:9', rack: '', ring: progress } };
    desk.holding = [3];
    desk.loads = [{ keys: 10, diskBytes: 2000 }, undefined, { keys: 0, diskBytes: 0 }];
    const view = ringView(plain(parseReply(run('kv.ring'))));
    expect(view).toMatchObject({
      epoch: 2,
      phase: 'copying',
      change: 'd:2 joining',
      slotsLeft: 5,
      slotsTotal: 9,
      bytes: 77,
      secondsLeft: null,
      waitingFor: ['d:2'],
    });
    const [a, b, , d] = view.members;
    expect(a).toMatchObject({
      bus: 'a:2',
      address: 'a:1',
      self: true,
      keys: 10,
      diskBytes: 2000,
      role: 'member',
    });
    expect(b).toMatchObject({ keys: -1, diskBytes: -1, self: false, weight: '1', state: 'up' });
    expect(d).toMatchObject({
      id: 'feed',
      address: 'd:9',
      role: 'joining',
      slots: 0,
      percent: '0.0',
      done: false,
    });
    expect(d).toMatchObject({ slotsLeft: 5, slotsTotal: 9, bytes: 77 });
    expect(d.slotsToGet).toBeGreaterThan(0);
    expect(view.members.reduce((all, { slots }) => all + slots, 0)).toBe(2 * 16384);
    expect(view.members.reduce((all, { percent }) => all + Number(percent), 0)).toBeCloseTo(100, 0);
  });

  it('SLOTS tells for all slots where they are', () => {
    form(START);
    const runs: [string, string, string[]][] = plain(parseReply(run('kv.ring', 'slots')));
    expect(runs[0][0]).toBe('0');
    expect(runs.at(-1)![1]).toBe('16383');
    runs.slice(1).forEach(([first], i) => void expect(Number(first)).toBe(Number(runs[i][1]) + 1));
    const homes = [...desk.topology!.homes(16383)].map((number) => MEMBERS[number].clientAddress);
    expect(runs.at(-1)![2]).toEqual(homes);
  });

  it('has no other forms', () => {
    form(START);
    expect(run('kv.ring', 'nonsense')).toBe('-ERR syntax error\r\n');
  });
});

describe('changes of the ring', () => {
  it('KV.LEAVE takes the node out that is asked, or one that is named', () => {
    form(START);
    expect(run('kv.leave')).toBe('+OK\r\n');
    expect(run('kv.leave', 'b:2')).toBe('+OK\r\n');
    expect(run('kv.leave', 'b:1')).toBe('+OK\r\n');
    expect(run('kv.leave', `CAFE${'c'.repeat(9)}`)).toBe('+OK\r\n');
    expect(asked()).toEqual([
      ['b:2', 'c:2'],
      ['a:2', 'c:2'],
      ['a:2', 'c:2'],
      ['a:2', 'b:2'],
    ]);
  });

  it('KV.REMOVE takes out only who is dead, KV.LEAVE only who is not', () => {
    form(START, 'ab');
    expect(run('kv.remove', 'c:2')).toBe('+OK\r\n');
    expect(asked()).toEqual([['a:2', 'b:2']]);
    expect(run('kv.remove', 'b:2')).toMatch(/^-ERR b:2 is up: .*let it leave/);
    expect(run('kv.leave', 'c:2')).toMatch(/^-ERR c:2 is down: .*remove it/);
    expect(results).toHaveLength(1);
  });

  it.each(['x:2', 'd:2', 'caf', ''])('%j is no member', (name) => {
    form(START);
    expect(run('kv.leave', name)).toMatch(/^-ERR no member of the ring is called so/);
  });

  it('does not guess between two', () => {
    form(START);
    expect(run('kv.leave', 'cafe')).toBe('-ERR more than one member is called so: a:2, b:2, c:2\r\n');
  });

  it('KV.WEIGHT sets a weight, and so does KV.MOVE', () => {
    form(START);
    for (const name of ['kv.weight', 'kv.move']) expect(run(name, 'b:2', '2.5')).toBe('+OK\r\n');
    for (const one of results as RingState[])
      expect(one.other!.map(({ weight }) => weight)).toEqual([1, 2.5, 1]);
  });

  it.each(['-1', '1e1', 'two', '', 'NaN', '0', '999.9'])('%j is no weight', (text) => {
    form(START);
    expect(run('kv.weight', 'b:2', text)).toMatch(
      /^-ERR (value is not a valid float|a weight is from 0.1 to 100)/,
    );
    expect(results.every((one) => typeof one === 'string')).toBe(true);
  });

  it('KV.REPLACE puts a node that waits in the place of a dead one', () => {
    form(START, 'ab');
    expect(run('kv.replace', 'c:2', 'e:1')).toBe('+OK\r\n');
    expect(asked()).toEqual([['a:2', 'b:2', 'e:2']]);
    expect(run('kv.replace', 'b:2', 'e:1')).toMatch(/^-ERR b:2 is up: it is not replaced/);
    expect(run('kv.replace', 'c:2', 'f:1')).toMatch(/^-ERR f:1 is not a node that waits to join/);
  });

  it('warns of fewer members than replicas', () => {
    form(firstRing(MEMBERS.slice(0, 2)));
    expect(run('kv.leave', 'b:2')).toMatch(/^\+OK, but 1 members are fewer than 2 replicas/);
  });

  it('asks for nothing when it is so already', () => {
    form(START);
    expect(run('kv.weight', 'b:2', '1')).toBe('+OK\r\n');
    expect(results).toEqual([null]);
  });

  it('adds to a change that only copies so far, and waits for one that is further', () => {
    form(JOIN);
    expect(run('kv.leave', 'b:2')).toBe('+OK\r\n');
    expect(asked()).toEqual([['a:2', 'c:2', 'd:2']]);
    form(advanced(JOIN)!);
    expect(run('kv.leave', 'b:2')).toMatch(/^-TRYAGAIN another change of the ring/);
  });

  it('keeps the last member', () => {
    form(firstRing([MEMBERS[0]]));
    expect(run('kv.leave')).toBe('-ERR a:2 is the only member\r\n');
  });

  it('KV.ROLLBACK takes back what is not decided', () => {
    form(JOIN);
    expect(run('kv.rollback')).toBe('+OK\r\n');
    expect(results[0]).toMatchObject({ phase: 'clearing', current: START.current });
    form(START);
    expect(run('kv.rollback')).toBe('-ERR no change of the ring is under way\r\n');
    form(advanced(advanced(advanced(JOIN)!)!)!);
    expect(run('kv.rollback')).toMatch(/^-ERR the change of the ring is decided already/);
  });

  it.each([
    [NOT_DECIDED, 'NOQUORUM'],
    [RING_BUSY, 'TRYAGAIN'],
    ['something else', 'ERR'],
  ])('says why it was not decided: %s', (why, code) => {
    form(START);
    failure = why;
    expect(run('kv.leave')).toBe(`-${code} ${why}\r\n`);
  });
});
