import type { ClientState } from '../client.js';
import { ReplyWriter } from '../resp/reply.js';

/** The channel by which connections that speak RESP2 get what others push. */
export const INVALIDATE_CHANNEL = '__redis__:invalidate';

/** As the connection that gets it understands it; null: it has no way to understand any. `keys` null: everything. */
export function invalidation(
  to: ClientState,
  isRedirected: boolean,
  keys: readonly string[] | null,
): string | null {
  const writer = new ReplyWriter(to.resp);
  if (to.resp === 3) {
    writer.push(2);
    writer.bulk('invalidate');
  } else if (isRedirected && to.subscribed) {
    writer.array(3);
    writer.bulk('message');
    writer.bulk(INVALIDATE_CHANNEL);
  } else return null;
  if (keys === null) writer.null();
  else {
    writer.array(keys.length);
    for (const key of keys) writer.bulk(key);
  }
  return joined(writer);
}

/** For a connection that speaks RESP3. */
export function brokenRedirect(id: number): string {
  const writer = new ReplyWriter(3);
  writer.push(2);
  writer.bulk('tracking-redir-broken');
  writer.integer(id);
  return joined(writer);
}

function joined(writer: ReplyWriter): string {
  const bytes = writer.take();
  return typeof bytes === 'string' ? bytes : bytes.join('');
}
