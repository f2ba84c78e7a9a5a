import { NO_BALLOT } from '../core/register/ballot.js';
import { promiseRow, unitRow } from '../core/register/register-rows.js';
import type { SimNode } from './sim-node.js';

/** First bytes of rows that are about a slot, which follows. */
const KINDS = [
  ['promises', promiseRow(0)[0]],
  ['units', unitRow({ slot: 0, ballot: NO_BALLOT })[0]],
] as const;

/** What nodes have on their disks of registers whose home they are not, in words. All nodes run. */
export function strayRegisters(nodes: readonly SimNode[]): string[] {
  return nodes.flatMap(({ address, disk, life }) => {
    const { isHome } = life!.node.topology;
    return KINDS.flatMap(([what, kind]) => {
      const strays = disk.rowsOfKind(kind).filter((key) => isHome[key.readUInt16BE(1)] === 0);
      return strays.length === 0
        ? []
        : [`${address} has ${strays.length} ${what} of slots that are not its own`];
    });
  });
}
