import type { CommandSpec } from '../spec.js';
import { bitCommands } from './bit.js';
import { bitcountCommand } from './bitcount.js';
import { bitfieldCommands } from './bitfield.js';
import { bitopCommand } from './bitop.js';
import { bitposCommand } from './bitpos.js';

/** The commands that see a string as bits. */
export const bitmapCommands: readonly CommandSpec[] = [
  ...bitCommands,
  bitcountCommand,
  bitposCommand,
  bitopCommand,
  ...bitfieldCommands,
];
