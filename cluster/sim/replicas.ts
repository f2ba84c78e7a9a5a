import { parseDataKey } from '../../storage/key-layout.js';
import { CORRUPT } from '../../storage/record.js';
import { fnv1a } from '../../storage/writers.js';
import { dotOf, type Sight, sightOf } from './sight.js';
import type { SimNode } from './sim-node.js';

export interface Difference {
  readonly key: string;
  readonly text: string;
}

/** In the place of what cannot be read. */
export const DAMAGED = 'damaged';

/** What nodes hold of a key. */
interface Holding {
  readonly slot: number;
  readonly held: Map<SimNode, Held>;
}

interface Held {
  readonly sight: Sight | typeof DAMAGED;
  /** As it lies on the disk. */
  readonly bytes: Buffer;
}

/** By key: every row of the disks, of nodes that all run. */
export function holdings(nodes: readonly SimNode[]): Map<string, Holding> {
  const all = new Map<string, Holding>();
  for (const node of nodes) {
    const { store } = node.life!;
    for (const { key, value } of node.disk.dataRows()) {
      const row = parseDataKey(key);
      const record = store.decodeRow(row, value);
      if (record === null) continue;
      const holding = all.get(row.key) ?? { slot: row.slot, held: new Map() };
      const sight = record === CORRUPT ? DAMAGED : sightOf(record, store.writers);
      holding.held.set(node, { sight, bytes: value });
      all.set(row.key, holding);
    }
  }
  return all;
}

/** What all that hold a key know of it together. */
export function together({ held }: Holding, join: (a: Sight, b: Sight) => Sight): Sight {
  const sights = [...held.values()].map(({ sight }) => sight).filter((one) => one !== DAMAGED);
  return sights.reduce(join, { context: {}, siblings: [] });
}

/** Says where home replicas of a key do not hold the same, bit for bit, or somebody else holds anything. All nodes run. */
export function replicasDiffer(nodes: readonly SimNode[]): Difference[] {
  return [...holdings(nodes)].flatMap(([key, { slot, held }]) => {
    const homes = homesOf(nodes, slot);
    const texts = homes.map((node) => said(held.get(node)));
    const strangers = [...held.keys()].filter((node) => !homes.includes(node));
    if (strangers.length > 0)
      return [{ key, text: `${key}: ${strangers.map(addressOf).join(', ')} holds it and is no home of it` }];
    const rows = homes.map((node) => held.get(node)?.bytes.latin1Slice());
    if (texts.every((text, i) => text === texts[0] && rows[i] === rows[0])) return [];
    const all = homes.map((node, i) => `${node.address} has ${texts[i]}`).join('; ');
    return [{ key, text: `${key}: replicas differ: ${all}` }];
  });
}

function homesOf(nodes: readonly SimNode[], slot: number): SimNode[] {
  const { topology } = nodes[0].life!.node;
  const addresses = [...topology.homes(slot)].map((member) => topology.members[member].busAddress);
  return nodes.filter(({ address }) => addresses.includes(address));
}

/** The same text for the same record, whichever node has it, as far as the checker sees it. */
function said(held: Held | undefined): string {
  if (held === undefined) return 'nothing';
  const { sight, bytes } = held;
  if (sight === DAMAGED) return DAMAGED;
  const seen = Object.entries(sight.context)
    .map(([writer, hlc]) => `${writer}@${hlc}`)
    .sort();
  const values = sight.siblings.map((one) => `${dotOf(one)}=${one.value}`).sort();
  return `${values.join(' ')} seen ${seen.join(' ')} (${bytes.length} bytes, ${fnv1a(bytes.latin1Slice())})`;
}

function addressOf({ address }: SimNode): string {
  return address;
}
