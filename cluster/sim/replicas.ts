import { parseDataKey } from '../../storage/key-layout.js';
import { CORRUPT } from '../../storage/record.js';
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
  readonly held: Map<SimNode, Sight | typeof DAMAGED>;
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
      holding.held.set(node, record === CORRUPT ? DAMAGED : sightOf(record, store.writers));
      all.set(row.key, holding);
    }
  }
  return all;
}

/** What all that hold a key know of it together. */
export function together({ held }: Holding, join: (a: Sight, b: Sight) => Sight): Sight {
  const sights = [...held.values()].filter((one) => one !== DAMAGED);
  return sights.reduce(join, { context: {}, siblings: [] });
}

/** Says where home replicas of a key do not hold the same, or somebody else holds anything. All nodes run. */
export function replicasDiffer(nodes: readonly SimNode[]): Difference[] {
  return [...holdings(nodes)].flatMap(([key, { slot, held }]) => {
    const homes = homesOf(nodes, slot);
    const texts = homes.map((node) => said(held.get(node)));
    const strangers = [...held.keys()].filter((node) => !homes.includes(node));
    if (strangers.length > 0)
      return [{ key, text: `${key}: ${strangers.map(addressOf).join(', ')} holds it and is no home of it` }];
    if (texts.every((text) => text === texts[0])) return [];
    const all = homes.map((node, i) => `${node.address} has ${texts[i]}`).join('; ');
    return [{ key, text: `${key}: replicas differ: ${all}` }];
  });
}

function homesOf(nodes: readonly SimNode[], slot: number): SimNode[] {
  const { topology } = nodes[0].life!.node;
  const addresses = [...topology.homes(slot)].map((member) => topology.members[member].busAddress);
  return nodes.filter(({ address }) => addresses.includes(address));
}

/** The same text for the same record, whichever node has it. */
function said(sight: Sight | typeof DAMAGED | undefined): string {
  if (sight === undefined) return 'nothing';
  if (sight === DAMAGED) return DAMAGED;
  const seen = Object.entries(sight.context)
    .map(([writer, hlc]) => `${writer}@${hlc}`)
    .sort();
  const values = sight.siblings.map((one) => `${dotOf(one)}=${one.value}`).sort();
  return `${values.join(' ')} seen ${seen.join(' ')}`;
}

function addressOf({ address }: SimNode): string {
  return address;
}
