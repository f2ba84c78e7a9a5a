import { parseDataKey } from '../../storage/key-layout.js';
import { CORRUPT, type KeyRecord } from '../../storage/record.js';
import { dotOf, sightOf } from './sight.js';
import type { SimLife } from './sim-life.js';
import type { SimNode } from './sim-node.js';

export interface Difference {
  readonly key: string;
  readonly text: string;
}

/** Says where home replicas of a key do not hold the same, or somebody else holds anything. All nodes run. */
export function replicasDiffer(nodes: readonly SimNode[]): Difference[] {
  const holders = new Map<string, Map<SimNode, string>>();
  const slots = new Map<string, number>();
  for (const node of nodes) {
    for (const { key, value } of node.disk.dataRows()) {
      const row = parseDataKey(key);
      const record = node.life!.store.decodeRow(row, value);
      if (record === null) continue;
      const held = holders.get(row.key) ?? new Map<SimNode, string>();
      held.set(node, record === CORRUPT ? 'damaged' : told(record, node.life!));
      holders.set(row.key, held);
      slots.set(row.key, row.slot);
    }
  }
  return [...holders].flatMap(([key, held]) => {
    const homes = homesOf(nodes, slots.get(key)!);
    const texts = homes.map((node) => held.get(node) ?? 'nothing');
    const strangers = [...held.keys()].filter((node) => !homes.includes(node));
    if (strangers.length > 0)
      return [{ key, text: `${key}: ${strangers.map(addressOf).join(', ')} holds it and is no home of it` }];
    if (texts.every((text) => text === texts[0])) return [];
    return [
      {
        key,
        text: `${key}: replicas differ: ${homes.map((node, i) => `${node.address} has ${texts[i]}`).join('; ')}`,
      },
    ];
  });
}

function homesOf(nodes: readonly SimNode[], slot: number): SimNode[] {
  const { topology } = nodes[0].life!.node;
  const addresses = [...topology.homes(slot)].map((member) => topology.members[member].busAddress);
  return nodes.filter(({ address }) => addresses.includes(address));
}

/** The same text for the same record, whichever node has it. */
function told(record: KeyRecord, { assembly }: SimLife): string {
  const { context, siblings } = sightOf(record, assembly.writers);
  const seen = Object.entries(context)
    .map(([writer, hlc]) => `${writer}@${hlc}`)
    .sort();
  const values = siblings.map((one) => `${dotOf(one)}=${one.value}`).sort();
  return `${values.join(' ')} seen ${seen.join(' ')}`;
}

function addressOf({ address }: SimNode): string {
  return address;
}
