import { Errors } from '../../errors.js';
import { clientRow } from './connection-row.js';

/** Where a client is told to go: by address, or only that it has to connect again. */
const ENDPOINT_TYPE = /^(internal-ip|internal-fqdn|external-ip|external-fqdn|none)$/i;

/**
 * The handshake of client libraries that move to another node when theirs is about to stop, without an error to the application
 * (https://redis.io/docs/latest/develop/clients/sch/): node-redis, redis-py, Jedis, go-redis and Lettuce ask for it by themselves on RESP3.
 */
export const clientMaintNotifications = clientRow({
  name: 'client|maint_notifications',
  arity: -3,
  since: '0.1.0',
  summary: 'Controls whether this connection is told to move to another node before this one stops',
  complexity: 'O(1)',
  syntax:
    'CLIENT MAINT_NOTIFICATIONS <ON | OFF> [MOVING-ENDPOINT-TYPE <INTERNAL-IP | INTERNAL-FQDN | EXTERNAL-IP | EXTERNAL-FQDN | NONE>]',
  run({ argv, client, reply }) {
    const [, , state, option, type = 'external-ip'] = argv;
    const isComplete = option === undefined || argv.length === 5;
    const isKnown = option === undefined || option.toLowerCase() === 'moving-endpoint-type';
    if (!/^(on|off)$/i.test(state) || !isComplete || !isKnown || !ENDPOINT_TYPE.test(type))
      return reply.error(Errors.syntax);
    const isOn = state.toLowerCase() === 'on';
    if (isOn && client.resp !== 3) return reply.error('ERR maintenance notifications need RESP3: see HELLO');
    client.movesTo = isOn ? (type.toLowerCase() === 'none' ? 'again' : 'address') : null;
    reply.ok();
  },
});
