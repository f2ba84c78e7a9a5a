import type { ServerCommandSpec } from '../../server-call.js';
import { container, helpRow } from '../container.js';
import { CLIENT_HELP } from './client-help.js';
import { clientKill } from './client-kill.js';
import { clientInfo, clientList } from './client-list.js';
import { clientMaintNotifications } from './client-moving.js';
import { clientPause, clientUnblock, clientUnpause } from './client-pause.js';
import * as self from './client-self.js';
import { clientTracking } from './client-tracking.js';

/** CLIENT with the subcommands that mean something without pub/sub and blocking commands. */
export const clientCommand: ServerCommandSpec = {
  ...container('client', 'A container for client connection commands', '2.4.0', [
    self.clientId,
    self.clientGetName,
    self.clientSetName,
    self.clientSetInfo,
    clientList,
    clientInfo,
    clientKill,
    self.clientReply,
    self.clientNoEvict,
    self.clientNoTouch,
    clientPause,
    clientUnpause,
    clientUnblock,
    ...clientTracking,
    clientMaintNotifications,
    { ...helpRow('client', '5.0.0', CLIENT_HELP), group: 'connection' },
  ]),
  group: 'connection',
  notInGroup: true,
};
