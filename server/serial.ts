import { type Level, SERIAL } from '../cluster/core/levels.js';
import type { CommandRow } from './commands/table.js';
import type { ServerContext } from './server-context.js';

/** The levels a command is asked for at. */
export interface Levels {
  readonly readLevel: Level;
  readonly writeLevel: Level;
}

/**
 * Whether a command goes through the register of its slot: because its client asks for it, or because its meaning is "only if", and then
 * no level of its client's makes it less.
 */
export function isSerial(row: CommandRow, argv: readonly string[], levels: Levels): boolean {
  const level = row.isWrite ? levels.writeLevel : levels.readLevel;
  if (level === SERIAL) return row.hasKeys;
  const { serial } = row;
  if (serial === undefined) return false;
  return serial === true || serial(argv);
}

/** A node alone needs no register: nothing comes between a command's reads and its writes. */
export function hasPeers(server: ServerContext): boolean {
  const topology = server.topology();
  return topology !== null && !topology.alone;
}
