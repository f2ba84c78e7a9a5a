import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { INVALIDATE_CHANNEL } from '../../tracking/invalidation.js';
import { type CommandFlag, NO_KEYS } from '../spec.js';

const FLAGS: readonly CommandFlag[] = ['pubsub', 'noscript', 'loading', 'stale'];
const NO_PUBSUB = `ERR RingKV has no publish and subscribe: only ${INVALIDATE_CHANNEL} can be subscribed to, for CLIENT TRACKING with REDIRECT`;

/** SUBSCRIBE, to the channel by which a connection that speaks RESP2 hears what another one's CLIENT TRACKING has to tell. */
const subscribe: ServerCommandSpec = {
  name: 'subscribe',
  arity: -2,
  flags: FLAGS,
  keys: NO_KEYS,
  since: '2.0.0',
  group: 'pubsub',
  summary: 'Listen for messages published to the given channels',
  complexity: 'O(N) where N is the number of channels to subscribe to.',
  syntax: 'SUBSCRIBE channel [channel ...]',
  run(call) {
    const channels = call.argv.slice(1);
    if (channels.some((channel) => channel !== INVALIDATE_CHANNEL)) return call.reply.error(NO_PUBSUB);
    call.client.subscribed = true;
    for (const channel of channels) confirm(call, 'subscribe', channel);
  },
};

const unsubscribe: ServerCommandSpec = {
  name: 'unsubscribe',
  arity: -1,
  flags: FLAGS,
  keys: NO_KEYS,
  since: '2.0.0',
  group: 'pubsub',
  summary: 'Stop listening for messages posted to the given channels',
  complexity: 'O(N) where N is the number of clients already subscribed to a channel.',
  syntax: 'UNSUBSCRIBE [channel [channel ...]]',
  run(call) {
    const { argv, client } = call;
    const channels = argv.length > 1 ? argv.slice(1) : [client.subscribed ? INVALIDATE_CHANNEL : null];
    for (const channel of channels) {
      if (channel === INVALIDATE_CHANNEL) client.subscribed = false;
      confirm(call, 'unsubscribe', channel);
    }
  },
};

/** One for each channel, with how many the connection has then. */
function confirm({ client, reply }: ServerCall, what: string, channel: string | null): void {
  reply.push(3);
  reply.bulk(what);
  reply.bulk(channel);
  reply.integer(client.subscribed ? 1 : 0);
}

/** SUBSCRIBE and UNSUBSCRIBE. */
export const pubsubCommands: readonly ServerCommandSpec[] = [subscribe, unsubscribe];
