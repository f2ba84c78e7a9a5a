import type { Member } from './topology.js';

/** Members node0, node1, ... of a test's cluster, no two in one rack. */
export function membersOf(count: number): Member[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `node${i}`,
    tokens: `node${i}`,
    rack: '',
    weight: 1,
    nodeId: String(i).repeat(32),
    busAddress: `node${i}:1`,
    clientAddress: `node${i}:2`,
  }));
}
