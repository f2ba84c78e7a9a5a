import { setTimeout as pause } from 'node:timers/promises';
import type { Load } from './load.js';
import type { Network } from './namespaces.js';
import type { Ring } from './ring.js';

export const NODES = 5;

/** What a fault has in its hands. */
export interface Stage {
  readonly network: Network;
  readonly ring: Ring;
  readonly load: Load;
  readonly seconds: number;
}

export interface Fault {
  readonly name: string;
  readonly title: string;
  /** How long it lasts when nothing else is said. */
  readonly seconds: number;
  /** One node dies, and clients of the others are promised to hardly notice. */
  readonly target?: true;
  /** Tells the load who is affected, breaks something, waits, mends it. */
  run(stage: Stage): Promise<void>;
}

const ALWAYS = 1;
const LOSS = 0.2;
/** Some shorter than what any detector should notice, some longer. */
const FLAPS_MS = [200, 1000, 500, 3000];
const ROLLING_SHARE = 10;

const OTHERS = { name: 'the others', nodeIsDead: false };
const DEAD = { name: 'the dead node', nodeIsDead: true };

const VICTIM = 1;

export const FAULTS: readonly Fault[] = [
  {
    name: 'partition',
    title: 'partition 2 \\| 3',
    seconds: 30,
    async run({ network, load, seconds }) {
      const [small, large] = [
        [0, 1],
        [2, 3, 4],
      ];
      load.join(small, { name: 'the side of 2', nodeIsDead: false });
      load.join(large, { name: 'the side of 3', nodeIsDead: false });
      await part(network, small, large);
      await pause(seconds * 1000);
      await network.heal();
    },
  },
  {
    name: 'one-way',
    title: 'one-way cut: a node hears and is not heard',
    seconds: 20,
    async run({ network, load, seconds }) {
      load.join(allBut(VICTIM), OTHERS);
      load.join([VICTIM], { name: 'the node not heard', nodeIsDead: false });
      await silence(network, [VICTIM], allBut(VICTIM));
      await pause(seconds * 1000);
      await network.heal();
    },
  },
  {
    name: 'flapping',
    title: 'flapping link of a node',
    seconds: 20,
    async run({ network, load, seconds }) {
      load.join(allBut(VICTIM), OTHERS);
      load.join([VICTIM], { name: 'the flapping node', nodeIsDead: false });
      const until = performance.now() + seconds * 1000;
      for (let i = 0; performance.now() < until; i++) {
        if (i % 2 === 0) await part(network, [VICTIM], allBut(VICTIM));
        else await network.heal();
        await pause(FLAPS_MS[(i >> 1) % FLAPS_MS.length]);
      }
      await network.heal();
    },
  },
  {
    name: 'loss',
    title: '20 % packet loss between all nodes',
    seconds: 20,
    async run({ network, seconds }) {
      const all = Array.from({ length: NODES }, (_, node) => node);
      await Promise.all(all.map((node) => network.filter(node, { from: allBut(node), probability: LOSS })));
      await pause(seconds * 1000);
      await network.heal();
    },
  },
  {
    name: 'stop',
    title: 'SIGSTOP of a node, then SIGCONT',
    seconds: 20,
    async run({ ring, load, seconds }) {
      load.join(allBut(VICTIM), OTHERS);
      load.join([VICTIM], { name: 'the stopped node', nodeIsDead: false });
      ring.nodes[VICTIM].signal('SIGSTOP');
      await pause(seconds * 1000);
      ring.nodes[VICTIM].signal('SIGCONT');
    },
  },
  {
    name: 'kill',
    title: '`kill -9` of a node, then its restart',
    seconds: 20,
    target: true,
    async run({ ring, load, seconds }) {
      load.join(allBut(VICTIM), OTHERS);
      load.join([VICTIM], DEAD);
      await ring.nodes[VICTIM].kill();
      await pause(seconds * 1000);
      ring.nodes[VICTIM].start();
      await ring.serves(VICTIM);
    },
  },
  {
    name: 'rolling',
    title: 'rolling `kill -9` of all nodes, one after another',
    seconds: 20,
    target: true,
    async run({ ring, load, seconds }) {
      load.join(
        ring.nodes.map(({ number }) => number),
        OTHERS,
      );
      for (const node of ring.nodes) {
        load.join([node.number], DEAD);
        await node.kill();
        await pause((seconds * 1000) / ROLLING_SHARE);
        node.start();
        await ring.calm();
        await load.connected(node.number);
        load.join([node.number], OTHERS);
        await pause((seconds * 1000) / ROLLING_SHARE);
      }
    },
  },
];

/** What some nodes send does not arrive at others. */
async function silence(network: Network, from: readonly number[], at: readonly number[]): Promise<void> {
  await Promise.all(at.map((node) => network.filter(node, { from, probability: ALWAYS })));
}

/** Cuts both ways. */
async function part(network: Network, some: readonly number[], others: readonly number[]): Promise<void> {
  await Promise.all([silence(network, some, others), silence(network, others, some)]);
}

function allBut(node: number): number[] {
  return Array.from({ length: NODES }, (_, other) => other).filter((other) => other !== node);
}
