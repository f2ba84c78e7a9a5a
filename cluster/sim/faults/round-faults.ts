import { Message } from '../../messages.js';
import { LENGTH_BYTES } from '../../transport/limits.js';
import type { NetworkObserver } from '../sim-network.js';
import type { SimNode } from '../sim-node.js';
import type { SimRandom } from '../sim-random.js';
import type { SimWorld } from '../sim-world.js';
import { type Fault, later } from './fault.js';

/** The messages of a register's round, in their order: those of the proposer, and those to it. */
const FROM_PROPOSER: readonly number[] = [Message.Prepare, Message.Accept];
const TO_PROPOSER: readonly number[] = [Message.Promise, Message.Accepted];
/** From the message to the misfortune, ms. */
const SOON_MS = 4;
const DOWN_MS = 10_000;

/** What happens in the very middle of a register's round, or one thing just after the other, where chance alone would seldom strike. */
export const roundFaults: readonly Fault[] = [
  {
    name: 'proposer dies in a round',
    strike: (world) => inRound(world, ({ proposer }) => die(world, proposer, false)),
  },
  {
    name: 'proposer pauses in a round',
    strike: (world) =>
      inRound(world, ({ proposer }) => {
        world.tell(`${proposer.address} gets no time in the middle of a round`);
        proposer.freeze();
        later(world, 100, 8000, () => proposer.thaw());
      }),
  },
  {
    name: 'proposer cut off in a round',
    strike: (world) =>
      inRound(world, ({ proposer, acceptor }) => {
        const spared = world.random.chance(0.5) ? acceptor : proposer;
        world.tell(`${proposer.address} is cut off in the middle of a round, but for ${spared.address}`);
        for (const other of world.nodes) {
          if (other === proposer || other === spared) continue;
          world.network.cutBoth(proposer.address, other.address);
          later(world, 200, DOWN_MS, () => mend(world, [proposer], [other]));
        }
      }),
  },
  {
    name: 'acceptor loses power in a round',
    strike: (world) =>
      inRound(world, ({ acceptor }) => {
        if (acceptor.running && world.mayForget(acceptor)) die(world, acceptor, true);
      }),
  },
  {
    name: 'restart between two proposers',
    strike(world) {
      const { random, nodes, network } = world;
      const [between, sleeper, ...others] = shuffled(random, nodes);
      world.tell(`${sleeper.address} sleeps, and will be connected with ${between.address} alone`);
      for (const other of others) network.cutBoth(sleeper.address, other.address);
      sleeper.freeze();
      later(world, 2000, 4000, () => {
        const restarts = !world.calm && between.running && world.mayForget(between);
        if (restarts) between.crash(true);
        later(world, 0, 100, () => sleeper.thaw());
        later(world, 0, 100, () => between.start());
        later(world, 2000, 5000, () => mend(world, [sleeper], others));
      });
      return true;
    },
  },
  {
    name: 'lost disk beside one that missed something',
    strike(world) {
      const { random, nodes, network } = world;
      const [missing, loser, ...others] = shuffled(random, nodes);
      world.tell(`${missing.address} misses something`);
      for (const other of [loser, ...others]) network.cutBoth(missing.address, other.address);
      later(world, 1500, 4000, () => {
        mend(world, [missing], [loser, ...others]);
        if (world.calm || !loser.running || !world.mayForget(loser, 'disk')) return;
        world.tell(`${loser.address} has lost its disk`);
        loser.crash(true);
        loser.loseDisk();
        later(world, 10, 200, () => loser.start());
        for (const other of others) if (other.running && random.chance(0.7)) die(world, other, false);
      });
      return true;
    },
  },
];

function mend({ network }: SimWorld, left: readonly SimNode[], right: readonly SimNode[]): void {
  for (const a of left)
    for (const b of right) {
      network.mend(a.address, b.address);
      network.mend(b.address, a.address);
    }
}

function shuffled<T>(random: SimRandom, list: readonly T[]): T[] {
  return list
    .map((one) => ({ one, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

function die(world: SimWorld, node: SimNode, withMachine: boolean): void {
  node.crash(withMachine);
  later(world, 50, DOWN_MS, () => node.start());
}

/** Waits for the next message of some round, of a kind that chance decides, and strikes soon after it has come. */
function inRound(
  world: SimWorld,
  strike: (round: { readonly proposer: SimNode; readonly acceptor: SimNode }) => void,
): boolean {
  const { random, watchers, queue } = world;
  const type = random.pick([...FROM_PROPOSER, ...TO_PROPOSER]);
  const nodeAt = (address: string): SimNode => world.nodes.find((node) => node.address === address)!;
  const watch: NetworkObserver = (from, to, parcel) => {
    if (world.calm) watchers.delete(watch);
    else if (parcel.kind === 'frame' && carries(parcel.bytes, type)) {
      watchers.delete(watch);
      const [proposer, acceptor] = FROM_PROPOSER.includes(type) ? [from, to] : [to, from];
      const round = { proposer: nodeAt(proposer.address), acceptor: nodeAt(acceptor.address) };
      queue.after(random.between(0, SOON_MS), () => strike(round));
    }
  };
  watchers.add(watch);
  return true;
}

/** Whether one of the frame's messages is of this type. */
function carries(frame: Buffer, type: number): boolean {
  for (let at = 0; at < frame.length; at += LENGTH_BYTES + frame.readUInt32BE(at))
    if (frame[at + LENGTH_BYTES] === type) return true;
  return false;
}
