import type { ServerCommandSpec } from '../../server-call.js';
import { compareCommands } from './compare.js';
import { getCommands } from './get.js';
import { incrCommands } from './incr.js';
import { incrByFloatCommand } from './incrbyfloat.js';
import { lcsCommand } from './lcs.js';
import { msetCommands } from './mset.js';
import { rangeCommands } from './range.js';
import { setCommands } from './set.js';

/** The string family, and RingKV's compare-and-set commands on strings. */
export const stringCommands: readonly ServerCommandSpec[] = [
  ...setCommands,
  ...compareCommands,
  ...getCommands,
  ...rangeCommands,
  ...msetCommands,
  ...incrCommands,
  incrByFloatCommand,
  lcsCommand,
];
