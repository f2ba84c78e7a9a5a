import type { SimNode } from '../sim-node.js';
import type { SimWorld } from '../sim-world.js';
import { type Fault, later, runningNode } from './fault.js';

/** What disks do, and who looks after them. */
export const diskFaults: readonly Fault[] = [
  {
    name: 'full disk',
    strike(world) {
      const { address, disk } = world.random.pick(world.nodes);
      disk.full = true;
      world.tell(`the disk of ${address} is full`);
      later(world, 20, 5000, () => {
        disk.full = false;
      });
      return true;
    },
  },
  {
    name: 'slow disk',
    strike(world) {
      const { address, disk } = world.random.pick(world.nodes);
      disk.slowMs = world.random.between(50, 4000);
      world.tell(`the disk of ${address} takes up to ${Math.round(disk.slowMs)} ms`);
      later(world, 200, 10_000, () => {
        disk.slowMs = 0;
      });
      return true;
    },
  },
  {
    name: 'rotten disk',
    strike(world) {
      const node = loser(world);
      if (node === undefined) return false;
      world.tell(`values on the disk of ${node.address} are damaged`);
      node.rot(world.random.between(0, 0.5));
      return true;
    },
  },
  {
    name: 'misreading disk',
    strike(world) {
      const node = loser(world);
      if (node === undefined) return false;
      world.tell(`the disk of ${node.address} gives back damaged values`);
      node.disk.misreads = world.random.between(0.01, 0.5);
      later(world, 200, 5000, () => {
        node.disk.misreads = 0;
      });
      return true;
    },
  },
  {
    name: 'lost disk',
    strike(world) {
      const node = loser(world);
      if (node === undefined) return false;
      node.crash(true);
      world.tell(`${node.address} has lost its disk`);
      node.loseDisk();
      later(world, 100, 12_000, () => node.start());
      return true;
    },
  },
  {
    name: 'backup restored',
    strike(world) {
      const node = runningNode(world);
      if (node === undefined) return false;
      world.tell(`the data folder of ${node.address} is copied`);
      node.takeBackup();
      later(world, 1000, 60_000, () => restore(world, node));
      return true;
    },
  },
];

function loser(world: SimWorld): SimNode | undefined {
  const node = runningNode(world);
  return node !== undefined && world.mayForget(node, 'disk') ? node : undefined;
}

/**
 * Not in the life in which it was copied, where votes matter: a node that does not know that it has forgotten some must be started with
 * an empty folder. Not when it is older than the grace of deletions: then it may hold what was deleted and forgotten since, as in every store that
 * ever forgets deletions; the node has to be rebuilt from the others instead.
 */
function restore(world: SimWorld, node: SimNode): void {
  if (node.backupAgeMs >= world.settings.gcGraceMs || (world.votesMatter && node.backupOfThisLife)) return;
  if (world.calm || !node.running || !world.mayForget(node, 'disk')) return;
  node.crash(true);
  world.tell(`the data folder of ${node.address} is put back to what it was when it was copied`);
  node.restoreBackup();
  later(world, 100, 5000, () => node.start());
}
