import type { ServerCommandSpec } from '../../server-call.js';
import { command } from './command.js';
import { config } from './config.js';
import { infoCommand } from './info.js';
import { latency } from './latency.js';
import { memory } from './memory.js';
import { processCommands } from './process.js';
import { slowlog } from './slowlog.js';

/** Commands about the server itself. */
export const serverCommands: readonly ServerCommandSpec[] = [
  command,
  config,
  infoCommand,
  latency,
  memory,
  slowlog,
  ...processCommands,
];
