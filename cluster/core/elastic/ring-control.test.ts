import { describe, expect, it } from 'vitest';
import { Message } from '../../messages.js';
import { FrameReader } from '../../transport/frame-reader.js';
import type { State } from '../member-view.js';
import { Frames } from '../register/frames.test-support.js';
import type { Member } from '../topology.js';
import { memberNamed, RingBus } from './ring-bus.test-support.js';
import { RingControl } from './ring-control.js';
import { RingJoining } from './ring-joining.js';

/** Commands on node a of a ring of these; whom it holds for what is the test's. */
class Bench {
  readonly bus: RingBus;
  readonly states = new Map<string, State>();
  applicants: Member[] = [];
  /** All members have taken on the present ring. */
  isKnown = true;
  readonly control: RingControl;
  readonly ends: [failure: string | null, note: string | null][] = [];

  constructor(names: string) {
    this.bus = new RingBus(1, names, 'xyz');
    this.bus.settle();
    this.control = new RingControl({
      register: this.node.register,
      ring: () => this.node.ring,
      members: () => [...this.node.ring!.current, ...(this.node.ring!.other ?? [])].map(withFace),
      applicants: () => this.applicants,
      stateOf: (name) => this.states.get(name) ?? 'up',
      isKnown: () => this.isKnown,
      shape: { replicas: 3, vnodes: 8 },
    });
  }

  get node() {
    return this.bus.node('a');
  }

  get target(): string {
    const { current, other } = this.node.ring!;
    return (other ?? current).map(({ name }) => name).join('');
  }

  readonly done = (failure: string | null, note: string | null): void => {
    this.ends.push([failure, note]);
  };

  /** What became of what was asked last. */
  end(): readonly [failure: string | null, note: string | null] {
    const before = this.ends.length;
    this.bus.runUntil(() => this.ends.length > before, 100);
    return this.ends.at(-1)!;
  }
}

function withFace(member: Member): Member {
  return { ...member, nodeId: `${member.name}1`.repeat(16), clientAddress: `${member.name}:6379` };
}

describe('commands that change the ring', () => {
  it('find a node by its name, its id and its client address', () => {
    for (const node of ['c', 'c1'.repeat(16), 'C1'.repeat(16), 'c:6379']) {
      const bench = new Bench('abcd');
      bench.control.leave(node, bench.done);
      expect(bench.end()).toEqual([null, null]);
      expect(bench.target).toBe('abd');
    }
  });

  it('refuse what nobody knows', () => {
    const bench = new Bench('abc');
    bench.control.leave('q', bench.done);
    bench.control.remove('q', bench.done);
    bench.control.weight('q', 2, bench.done);
    bench.control.replace('q', 'x', bench.done);
    bench.applicants = [memberNamed('x')];
    bench.control.replace('q', 'x', bench.done);
    expect(bench.ends.map(([failure]) => failure)).toEqual([
      'unknown node q',
      'unknown node q',
      'unknown node q',
      'x is not a node that waits to join',
      'unknown node q',
    ]);
  });

  it('let only those leave that live, and take only those out that are down', () => {
    const bench = new Bench('abcd');
    bench.control.remove('c', bench.done);
    expect(bench.end()[0]).toBe('c is up: it can hand over what it has: let it leave');
    bench.states.set('c', 'suspect');
    bench.control.remove('c', bench.done);
    expect(bench.end()[0]).toMatch(/not known to be down yet/);
    bench.states.set('c', 'down');
    bench.control.leave('c', bench.done);
    expect(bench.end()[0]).toMatch(/c is down: it cannot hand over what it has; remove it/);
    bench.control.remove('c', bench.done);
    expect(bench.end()).toEqual([null, null]);
    expect(bench.target).toBe('abd');
  });

  it('say where fewer members are left than replicas', () => {
    const bench = new Bench('abc');
    bench.control.leave('c', bench.done);
    expect(bench.end()).toEqual([null, '2 members are fewer than 3 replicas: each key has only 2']);
  });

  it('replace only who is down, by one that waits to join, which then is not replaced again', () => {
    const bench = new Bench('abc');
    bench.applicants = [memberNamed('x')];
    bench.control.replace('b', 'x', bench.done);
    expect(bench.end()[0]).toBe('b is up: it is not replaced while it lives');
    bench.states.set('b', 'down');
    bench.control.replace('b', 'x', bench.done);
    expect(bench.end()[0]).toBe(null);
    expect(bench.target).toBe('acx');
    bench.control.join(memberNamed('x'), 'b', bench.done);
    expect(bench.end()[0]).toBe(null);
  });

  it('change weights, and take back what is under way', () => {
    const bench = new Bench('abc');
    bench.control.rollback(bench.done);
    expect(bench.end()[0]).toBe('no change of the ring is under way');
    bench.control.weight('b', 2, bench.done);
    expect(bench.end()).toEqual([null, null]);
    expect(bench.node.ring!.other![1].weight).toBe(2);
    bench.control.rollback(bench.done);
    expect(bench.end()[0]).toBe(null);
    expect(bench.node.ring).toMatchObject({ phase: 'clearing', epoch: 3 });
    expect(bench.node.ring!.current[1].weight).toBe(1);
  });
});

describe('a node that wants to be a member', () => {
  function applicant(hosts: () => number[], replaces = '') {
    const frames = new Frames();
    const warnings: object[] = [];
    const joining = new RingJoining({
      transport: frames.transport,
      log: { info: () => {}, warn: (facts) => void warnings.push(facts), error: () => {} },
      control: new Bench('abc').control,
      replaces,
      hosts,
      memberAt: () => undefined,
      tell: () => {},
    });
    return { frames, joining, warnings };
  }

  it('asks a member once a second, after some questions in vain the next one', () => {
    const { frames, joining } = applicant(() => [4, 7]);
    const asked: number[] = [];
    for (let elapsed = 0; elapsed < 7000; elapsed += 50) {
      joining.tick(0, elapsed);
      for (const { peer, type } of frames.sent()) if (type === Message.JoinAsk) asked.push(peer);
    }
    expect(asked).toEqual([4, 4, 4, 4, 4, 7, 7]);
  });

  it('asks nobody when it is one', () => {
    const { frames, joining } = applicant(() => []);
    joining.tick(0, 5000);
    expect(frames.sent()).toEqual([]);
    expect(joining.waitsFor).toBe(null);
  });

  it('is taken in by whom it asks, and told why when it is not; what waits is said once', () => {
    const bench = new Bench('abc');
    const frames = new Frames();
    const told: number[] = [];
    const member = new RingJoining({
      transport: frames.transport,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      control: bench.control,
      replaces: '',
      hosts: () => [],
      memberAt: (peer) => (peer === 3 ? memberNamed('x') : undefined),
      tell: (peer) => void told.push(peer),
    });
    const asker = applicant(() => [0], 'b');
    asker.joining.tick(0, 0);
    const [ask] = asker.frames.sent();
    const take = (to: RingJoining, type: number, body: Buffer) =>
      to.onMessage(type, 3, new FrameReader().reset(body, 0, body.length));
    expect(take(member, Message.JoinAsk, ask.body)).toBe(true);
    const [answer] = frames.sent();
    expect(answer.type).toBe(Message.JoinAnswer);
    for (let i = 0; i < 2; i++) expect(take(asker.joining, answer.type, answer.body)).toBe(true);
    const why = 'b is up: it is not replaced while it lives';
    expect(asker.warnings).toEqual([{ reason: why }]);
    expect(asker.joining.waitsFor).toBe(why);
    bench.states.set('b', 'down');
    take(member, Message.JoinAsk, ask.body);
    expect(bench.bus.runUntil(() => told.length > 0)).toBe(true);
    expect(told).toEqual([3]);
    expect(bench.target).toBe('acx');
    expect(take(member, Message.JoinAsk, ask.body.subarray(1))).toBe(false);
  });
});

describe('a node that takes the place of another', () => {
  it.each([
    ['', null],
    ['r', 'rack r is not that of b (none): slots move'],
  ])("is told when its rack '%s' is another", (rack, note) => {
    const bench = new Bench('abc');
    bench.states.set('b', 'down');
    bench.control.join({ ...memberNamed('x'), rack }, 'b', bench.done);
    expect(bench.end()).toEqual([null, note]);
    expect(bench.target).toBe('acx');
  });
});

describe('a change that comes too soon after another', () => {
  it('waits until all members go by that one, for a while', () => {
    const bench = new Bench('abc');
    bench.isKnown = false;
    bench.control.weight('b', 2, (...end) => bench.ends.push(end));
    bench.control.weight('c', 2, (...end) => bench.ends.push(end));
    bench.control.tick(0, 1000);
    bench.bus.run(2000);
    expect([bench.ends, bench.node.ring!.epoch]).toEqual([[], 1]);
    bench.isKnown = true;
    bench.control.tick(0, 1050);
    expect(bench.bus.runUntil(() => bench.ends.length > 0)).toBe(true);
    expect([bench.ends, bench.node.ring!.epoch]).toEqual([[[null, null]], 2]);
    bench.isKnown = false;
    bench.control.tick(0, 60_000);
    expect(bench.ends[1]).toEqual(['members that are up do not know the present ring yet: try again', null]);
  });
});
