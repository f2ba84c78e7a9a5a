import type { ServerCommandSpec } from '../../server-call.js';
import { authCommands } from './auth.js';
import { clientCommand } from './client.js';
import { pingCommands } from './ping.js';

/** Commands about the connection itself. */
export const connectionCommands: readonly ServerCommandSpec[] = [
  ...pingCommands,
  ...authCommands,
  clientCommand,
];
