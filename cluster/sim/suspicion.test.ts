import { describe, expect, it } from 'vitest';
import type { MemberView } from '../core/member-view.js';
import type { SimSettings } from './sim-life.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

const NODES = 5;
/** From the last sign of life to being used no more. */
const NOTICED_MS = 1400;
const SEEDS = [1, 2, 3, 4, 5];

function formed(seed: number, settings: Partial<SimSettings> = {}): SimWorld {
  const world = new SimWorld(seed, NODES, settings);
  world.form();
  world.runFor(15_000);
  return world;
}

/** How `by` sees `node`. */
function view(by: SimNode, node: SimNode): MemberView {
  const { assembly } = by.life!;
  const member = assembly.node.topology.members.findIndex(({ busAddress }) => busAddress === node.address);
  return assembly.gossip.views()[member];
}

function state(by: SimNode, node: SimNode): string {
  return view(by, node).state;
}

/** Whether `by` would ask `node` for anything. */
function uses(by: SimNode, node: SimNode): boolean {
  return state(by, node) === 'up';
}

function others(world: SimWorld, ...than: SimNode[]): SimNode[] {
  return world.nodes.filter((node) => !than.includes(node));
}

/** ms until it holds. */
function timeUntil(world: SimWorld, holds: () => boolean): number {
  const begin = world.queue.now;
  expect(world.runUntil(holds)).toBe(true);
  return world.queue.now - begin;
}

/** Looks all the time while the world goes on for so long; returns how often it was true. */
function sightings(world: SimWorld, ms: number, what: () => boolean): number {
  let seen = 0;
  for (let passed = 0; passed < ms; passed += 50) {
    world.runFor(50);
    if (what()) seen++;
  }
  return seen;
}

const anySuspicion = (world: SimWorld): boolean =>
  world.nodes.some((by) => world.nodes.some((node) => !uses(by, node)));

/** Nothing that is asked while this is going on fails or waits long. */
function expectServed(world: SimWorld, by: SimNode): void {
  for (let i = 0; i < 20; i++) {
    const begin = world.queue.now;
    const { failure } = world.ask(by, { kind: 'incr', keys: [`key${i}`] });
    expect(failure).toBe(null);
    expect(world.queue.now - begin).toBeLessThan(1000);
  }
}

describe('a node that is stopped and goes on (SIGSTOP, a long pause)', () => {
  it.each(SEEDS)('seed %i: is used no more about a second later, and again a second after', (seed) => {
    const world = formed(seed);
    const [stopped, ...rest] = world.nodes;
    stopped.freeze();
    expect(timeUntil(world, () => rest.every((by) => !uses(by, stopped)))).toBeLessThan(NOTICED_MS);
    for (const by of rest) expectServed(world, by);
    expect(timeUntil(world, () => rest.every((by) => state(by, stopped) === 'down'))).toBeLessThan(3000);
    stopped.thaw();
    expect(timeUntil(world, () => world.whole)).toBeLessThan(1000);
    // It has refuted that it is dead.
    expect(timeUntil(world, () => rest.every((by) => view(by, stopped).version > 1))).toBeLessThan(4000);
    expect(world.checker.violations).toEqual([]);
  });

  it.each(SEEDS)('seed %i: accuses nobody of its own absence', (seed) => {
    const world = formed(seed);
    const [stopped, ...rest] = world.nodes;
    const accused = (): boolean => rest.some((node) => !uses(stopped, node));
    for (const ms of [1200, 2500, 4000]) {
      stopped.freeze();
      world.runFor(ms);
      stopped.thaw();
      // The others may have told it that they did not hear it; that is true, and passes.
      world.runFor(1000);
      expect(sightings(world, 5000, accused)).toBe(0);
    }
  });

  it('for less than half a second is not noticed', () => {
    const world = formed(7);
    for (let i = 0; i < 20; i++) {
      const node = world.random.pick(world.nodes);
      node.freeze();
      world.runFor(450);
      node.thaw();
      expect(sightings(world, 3000, () => anySuspicion(world))).toBe(0);
    }
  });

  it('for seconds has to ask the others before it trusts its copies again', () => {
    const world = formed(8);
    const [stopped] = world.nodes;
    const { topology } = stopped.life!.node;
    const before = topology.trustEpoch;
    stopped.freeze();
    // Not long enough to be suspected, hence to be told of it.
    world.runFor(500);
    stopped.thaw();
    world.runFor(100);
    expect(topology.trustEpoch).toBeGreaterThan(before);
  });
});

describe('a wire that is cut one way', () => {
  it.each(SEEDS)('seed %i: neither end uses the other, both are up for the rest', (seed) => {
    const world = formed(seed);
    const [quiet, deaf, ...rest] = world.nodes;
    world.network.cut(quiet.address, deaf.address);
    const parted = (): boolean => !uses(deaf, quiet) && !uses(quiet, deaf);
    expect(timeUntil(world, parted)).toBeLessThan(NOTICED_MS + 500);
    for (const by of world.nodes) expectServed(world, by);
    const wrong = (): boolean =>
      state(deaf, quiet) === 'down' ||
      state(quiet, deaf) === 'down' ||
      rest.some((by) => !uses(by, quiet) || !uses(by, deaf));
    expect(sightings(world, 20_000, wrong)).toBe(0);
    world.network.healAll();
    expect(timeUntil(world, () => world.whole)).toBeLessThan(8000);
  });

  it('to all others makes a node suspect everywhere, and nobody dead for it', () => {
    const world = formed(6);
    const [quiet, ...rest] = world.nodes;
    for (const node of rest) world.network.cut(quiet.address, node.address);
    expect(timeUntil(world, () => rest.every((by) => !uses(by, quiet)))).toBeLessThan(NOTICED_MS);
    expect(timeUntil(world, () => rest.every((node) => !uses(quiet, node)))).toBeLessThan(1000);
    world.runFor(1000);
    for (const by of rest) expectServed(world, by);
    expect(rest.every((node) => state(quiet, node) === 'suspect')).toBe(true);
  });
});

describe('a split', () => {
  it('is seen by both sides, and forgotten when it is mended', () => {
    const world = formed(9, { sloppy: true });
    const [a, b, ...rest] = world.nodes;
    for (const one of [a, b]) for (const other of rest) world.network.cutBoth(one.address, other.address);
    world.runFor(10_000);
    expect(rest.map((by) => [state(by, a), state(by, b)])).toEqual(rest.map(() => ['down', 'down']));
    expect(uses(a, b) && uses(b, a)).toBe(true);
    for (const by of rest) expectServed(world, by);
    world.network.healAll();
    expect(timeUntil(world, () => world.whole)).toBeLessThan(4000);
    world.runFor(5000);
    const views = world.nodes.map((by) => world.nodes.map((node) => view(by, node).version));
    expect(new Set(views.map((row) => row.join())).size, JSON.stringify(views)).toBe(1);
  });
});

describe('a link that flaps', () => {
  it.each(SEEDS)(
    'seed %i: parts its two ends at times, kills nobody, and keeps nobody from service',
    (seed) => {
      const world = formed(seed);
      const [a, b, third] = world.nodes;
      const dead = (): boolean =>
        world.nodes.some((by) => world.nodes.some((node) => state(by, node) === 'down')) ||
        others(world, a, b).some((by) => !uses(by, a) || !uses(by, b));
      for (let i = 0; i < 10; i++) {
        world.network.cutBoth(a.address, b.address);
        expect(sightings(world, world.random.between(300, 2000), dead)).toBe(0);
        world.network.healAll();
        expect(sightings(world, world.random.between(300, 2000), dead)).toBe(0);
        expectServed(world, third);
      }
      expect(timeUntil(world, () => world.whole)).toBeLessThan(3000);
    },
  );
});

describe('a node that is slow but alive', () => {
  it('is not suspected: its answers take 300 ms, its wires stumble', () => {
    const world = formed(10);
    const [slow, ...rest] = world.nodes;
    for (const node of rest) {
      world.network.lag(slow.address, node.address, 300);
      world.network.lag(node.address, slow.address, 300);
    }
    expect(sightings(world, 60_000, () => anySuspicion(world))).toBe(0);
  });

  it('is suspected seldom, then less and less, when it stops for a second again and again', () => {
    const world = formed(11);
    const [slow] = world.nodes;
    const falls = (): number => {
      let count = 0;
      for (let i = 0; i < 10; i++) {
        slow.freeze();
        world.runFor(900);
        slow.thaw();
        if (sightings(world, 1000, () => anySuspicion(world)) > 0) count++;
      }
      return count;
    };
    falls();
    expect(falls()).toBe(0);
  });
});

describe('a restarted node', () => {
  it('has a higher generation, and what was said of the life before does not stick to it', () => {
    const world = formed(12);
    const [node, ...rest] = world.nodes;
    const before = view(rest[0], node);
    node.crash(true);
    expect(timeUntil(world, () => rest.every((by) => state(by, node) === 'down'))).toBeLessThan(4000);
    node.start();
    expect(timeUntil(world, () => world.whole)).toBeLessThan(6000);
    world.runFor(3000);
    for (const by of rest) {
      expect(view(by, node).generation).toBeGreaterThan(before.generation);
      expect(state(by, node)).toBe('up');
    }
  });

  it('outdoes its past although its clock was set back', () => {
    const world = formed(13);
    const [node, ...rest] = world.nodes;
    const before = view(rest[0], node);
    node.crash();
    world.runFor(3000);
    // Within what is allowed: a greater error would keep it out.
    node.skewMs = -400;
    world.runFor(100);
    node.start();
    expect(timeUntil(world, () => world.whole)).toBeLessThan(6000);
    world.runFor(4000);
    for (const by of rest) {
      const { generation, facts } = view(by, node);
      expect(generation).toBeGreaterThan(before.generation);
      expect(facts?.address).toBe(node.address);
    }
  });
});

describe('a clock that is too far off', () => {
  it.each([
    ['ahead', 2000],
    ['behind', -2000],
  ])('%s by two seconds: the node is kept out at its start, and let in when it is right', (_, skewMs) => {
    const world = formed(14);
    const [node, ...rest] = world.nodes;
    node.crash();
    world.runFor(2000);
    node.skewMs = skewMs;
    node.start();
    world.runFor(10_000);
    expect(rest.every((by) => !uses(by, node))).toBe(true);
    for (const by of rest) {
      const { clockOffBy } = view(by, node);
      expect(Math.abs(clockOffBy - skewMs)).toBeLessThan(500);
      expectServed(world, by);
    }
    expect(Math.abs(view(node, node).clockOffBy - skewMs)).toBeLessThan(500);
    expect(world.logged.join()).toContain('clock of a node is too far off');
    node.skewMs = 0;
    expect(timeUntil(world, () => world.whole)).toBeLessThan(6000);
    world.runFor(4000);
    expect(view(rest[0], node).clockOffBy).toBe(0);
  });

  it.each([
    ['ahead', 2000],
    ['behind', -2000],
  ])('%s while it runs: the node is put out within seconds', (_, skewMs) => {
    const world = formed(15);
    const [node, ...rest] = world.nodes;
    node.skewMs = skewMs;
    expect(timeUntil(world, () => rest.every((by) => !uses(by, node)))).toBeLessThan(6000);
    expect(sightings(world, 10_000, () => rest.some((by) => uses(by, node)))).toBe(0);
    node.skewMs = 0;
    expect(timeUntil(world, () => world.whole)).toBeLessThan(6000);
  });

  it('by less than allowed changes nothing', () => {
    const world = formed(16);
    world.nodes[0].skewMs = 240;
    world.nodes[1].skewMs = -240;
    expect(sightings(world, 30_000, () => anySuspicion(world))).toBe(0);
    expect(world.logged).toEqual([]);
  });
});
