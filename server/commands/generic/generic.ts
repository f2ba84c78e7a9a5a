import type { ServerCommandSpec } from '../../server-call.js';
import { copyCommands } from './copy.js';
import { databaseCommands } from './database.js';
import { dumpCommands } from './dump.js';
import { existenceCommands } from './existence.js';
import { expireCommands } from './expire.js';
import { keysCommand } from './keys.js';
import { objectCommand } from './object.js';
import { renameCommands } from './rename.js';
import { scanCommand } from './scan.js';
import { ttlCommands } from './ttl.js';

/** The commands about keys as such, whatever they hold. */
export const genericCommands: readonly ServerCommandSpec[] = [
  ...existenceCommands,
  ...expireCommands,
  ...ttlCommands,
  ...renameCommands,
  ...copyCommands,
  keysCommand,
  scanCommand,
  ...databaseCommands,
  objectCommand,
  ...dumpCommands,
];
