import { describe, expect, it } from 'vitest';
import type { Phase, RingState } from '../core/elastic/ring-state.js';
import { Sealing } from '../core/elastic/sealing.js';
import { SERIAL } from '../core/levels.js';
import { RegisterMemory } from '../core/register/memory.js';
import { slotOf } from '../core/slot.js';
import { Topology } from '../core/topology.js';
import { Message } from '../messages.js';
import type { Step } from './linearizability/step.js';
import { replace, type Undo } from './mutants/mutant.js';
import type { Outcome } from './sim-call.js';
import type { NetworkObserver } from './sim-network.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

/** Nodes 1 to 3 leave a cluster of seven, and some of them hear nothing of it: what they still do, under which mistake. */

/** Of the one change there is. */
const PHASES: readonly Phase[] = ['copying', 'joint', 'sealed', 'clearing', 'stable'];
const PHASE_WITHIN_MS = 40_000;
/** Longer than it takes to see that somebody is gone. */
const LONG_MS = 8000;

class Leaving {
  readonly world = new SimWorld('left behind', 7, { repairIntervalSeconds: 0, maxHintsBytes: 0 });
  /** A key whose homes are the leavers, the first of them first. */
  readonly key: string;
  readonly leavers: readonly SimNode[];
  readonly stayers: readonly SimNode[];

  constructor() {
    const { world } = this;
    world.form();
    this.leavers = world.nodes.slice(0, 3);
    this.stayers = world.nodes.slice(3);
    this.key = Array.from({ length: 20_000 }, (_, i) => `key${i}`).find((key) => this.isTheirs(key))!;
    this.set('old');
    for (const node of this.leavers) {
      let isBegun = false;
      const ask = (): void =>
        this.leavers[1].life!.assembly.control.leave(node.address, (failure) => {
          isBegun = failure === null;
        });
      ask();
      expect(world.runUntil(() => isBegun)).toBe(true);
    }
    expect(this.world.rings.latest!.phase).toBe('copying');
  }

  private isTheirs(key: string): boolean {
    const { topology } = this.world.nodes[0].life!.node;
    const names = [...topology.homes(slotOf(key))].map((home) => topology.members[home].name);
    return (
      names[0] === this.leavers[0].address &&
      names.every((name) => this.leavers.some(({ address }) => address === name))
    );
  }

  set(value: string): string | null {
    return this.world.ask(this.leavers[0], { kind: 'set', keys: [this.key], value }).failure;
  }

  /** Linearizable: 'new' in the place of 'old'. */
  swap(): string | null {
    return this.step(this.leavers[0], { do: 'cas', expected: 'old', value: 'new' }).failure;
  }

  swapSeen(node: SimNode): string {
    const { failure, answer } = this.step(node, { do: 'get' });
    return failure ?? answer!.saw.join();
  }

  private step(node: SimNode, step: Step): Outcome {
    return this.world.ask(node, { kind: 'step', keys: [this.key], step, level: SERIAL });
  }

  seen(node: SimNode): string {
    const { failure, sights } = this.world.ask(node, { kind: 'get', keys: [this.key] });
    return failure ?? sights[0].siblings.map(({ value }) => value).join();
  }

  /** Nobody tells these how the ring goes on after that. */
  hearNothingAfter(phase: Phase, ...nodes: readonly SimNode[]): void {
    for (const { life } of nodes) {
      const register = life!.assembly.ring as unknown as { learn: (ring: RingState) => void };
      const { learn } = register;
      register.learn = (ring) => {
        if (!isAfter(ring.phase, phase)) learn.call(register, ring);
      };
    }
  }

  /** The first leaver and those who stay do not hear each other. */
  cutOff(): void {
    const { leavers, stayers, world } = this;
    for (const node of stayers) world.network.cutBoth(leavers[0].address, node.address);
    world.runFor(LONG_MS);
  }

  /** These, or those who stay, come to that phase, or have been there. */
  comesTo(phase: Phase, nodes = this.stayers): boolean {
    const isThere = ({ life }: SimNode): boolean => !isAfter(phase, life!.node.topology.ring.phase);
    return this.world.runUntil(() => nodes.every(isThere), PHASE_WITHIN_MS);
  }
}

function isAfter(phase: Phase, other: Phase): boolean {
  return PHASES.indexOf(phase) > PHASES.indexOf(other);
}

function withMistake<T>(make: () => Undo, run: () => T): T {
  const undo = make();
  try {
    return run();
  } finally {
    undo();
  }
}

const oldObeyed = (): Undo => replace(Topology.prototype, 'isPast', () => () => false);

describe('a coordinator that is left behind', () => {
  function writes(): [string | null, string] {
    const leaving = new Leaving();
    const [first, ...others] = leaving.leavers;
    leaving.hearNothingAfter('copying', first);
    leaving.hearNothingAfter('clearing', ...others);
    leaving.cutOff();
    expect(leaving.comesTo('clearing', [...others, ...leaving.stayers])).toBe(true);
    return [leaving.set('new'), leaving.seen(leaving.stayers[0])];
  }

  it('writes nothing any more', () => {
    expect(writes()).toEqual([expect.stringContaining('NOQUORUM'), 'old']);
  });

  it('if it were obeyed: has writes confirmed that the new homes never hear of', () => {
    expect(withMistake(oldObeyed, writes)).toEqual([null, 'old']);
  });
});

describe('a leader of rounds that is left behind, with acceptors that have not heard that all was taken over from them', () => {
  function steps(): [string | null, string] {
    const leaving = new Leaving();
    const [first, ...others] = leaving.leavers;
    leaving.hearNothingAfter('copying', first);
    leaving.hearNothingAfter('sealed', ...others);
    leaving.cutOff();
    expect(leaving.comesTo('clearing')).toBe(true);
    return [leaving.swap(), leaving.swapSeen(leaving.stayers[0])];
  }

  it('has nothing chosen any more', () => {
    expect(steps()).toEqual([expect.stringContaining('NOQUORUM'), 'old']);
  });

  it('if it were obeyed: the register has two majorities', () => {
    expect(withMistake(oldObeyed, steps)).toEqual([null, 'old']);
  });
});

describe('old homes that may still take what was begun before', () => {
  function writes(): [boolean, string | null, string] {
    const leaving = new Leaving();
    const [first, ...others] = leaving.leavers;
    leaving.hearNothingAfter('copying', first);
    leaving.hearNothingAfter('joint', ...others);
    leaving.cutOff();
    const isDecided = leaving.comesTo('clearing');
    return [isDecided, leaving.set('new'), leaving.seen(leaving.stayers[0])];
  }

  it('are waited for', () => {
    expect(writes()).toEqual([false, null, 'new']);
  });

  it('if they were compared with too early: what they take then is lost', () => {
    const mistake = (): Undo => replace(Sealing.prototype, 'isSealed', () => () => true);
    expect(withMistake(mistake, writes)).toEqual([true, null, 'old']);
  });
});

describe('what was chosen, and is in the rows of a dead node only', () => {
  function steps(): [string | null, string] {
    const leaving = new Leaving();
    const { world, leavers, stayers } = leaving;
    const [first, second, third] = leavers;
    leaving.hearNothingAfter('copying', first);
    world.network.cut(first.address, third.address);
    world.network.cutBoth(second.address, third.address);
    const watch: NetworkObserver = (from, to, parcel) => {
      if (from.address !== first.address || to.address !== second.address || parcel.kind !== 'frame') return;
      // It has what is to be chosen, and hears no more of it.
      if (typesIn(parcel.bytes).includes(Message.Accept)) world.network.cut(first.address, second.address);
    };
    world.watchers.add(watch);
    const failure = leaving.swap();
    first.crash(true);
    world.runFor(LONG_MS);
    expect(leaving.comesTo('clearing')).toBe(true);
    return [failure, leaving.swapSeen(stayers[0])];
  }

  it('is taken over with the registers', () => {
    expect(steps()).toEqual([null, 'new']);
  });

  it('if registers were not taken over: is undone', () => {
    const mistake = (): Undo =>
      replace<unknown, [number, unknown, (isWhole: boolean) => void], void>(
        RegisterMemory.prototype,
        'takeOver',
        () => (_peer, _wants, done) => done(true),
      );
    expect(withMistake(mistake, steps)).toEqual([null, 'old']);
  });
});

/** The types of the messages in a frame. */
function typesIn(frame: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < frame.length; at += 4 + frame.readUInt32BE(at)) types.push(frame[at + 4]);
  return types;
}
