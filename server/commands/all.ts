import { bitmapCommands } from './bitmap/bitmap.js';
import { clusterCommands } from './cluster/cluster.js';
import { connectionCommands } from './connection/connection.js';
import { genericCommands } from './generic/generic.js';
import { pubsubCommands } from './pubsub/subscribe.js';
import { casCommand } from './ringkv/cas.js';
import { consistencyCommands } from './ringkv/consistency.js';
import { hintCommands } from './ringkv/hints.js';
import { hotKeyCommands } from './ringkv/hot-keys.js';
import { nodeCommands } from './ringkv/nodes.js';
import { putCommands } from './ringkv/put.js';
import { repairCommands } from './ringkv/repair.js';
import { ringCommands } from './ringkv/ring.js';
import { ringChangeCommands } from './ringkv/ring-changes.js';
import { siblingCommands } from './ringkv/siblings.js';
import { serverCommands } from './server/server.js';
import { stringCommands } from './strings/strings.js';
import { CommandTable } from './table.js';
import { transactionCommands } from './transactions/transactions.js';

/** Every command there is. */
export function commandTable(): CommandTable {
  return new CommandTable([
    ...stringCommands,
    ...bitmapCommands,
    ...genericCommands,
    ...connectionCommands,
    ...pubsubCommands,
    ...serverCommands,
    ...transactionCommands,
    ...clusterCommands,
    ...siblingCommands,
    ...putCommands,
    casCommand,
    ...consistencyCommands,
    ...nodeCommands,
    ...repairCommands,
    ...hintCommands,
    ...ringCommands,
    ...ringChangeCommands,
    ...hotKeyCommands,
  ]);
}
