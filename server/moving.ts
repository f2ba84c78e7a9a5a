import type { ClientState } from './client.js';
import { ReplyWriter } from './resp/reply.js';

/** Of the messages of one process. */
let sequence = 0;

/**
 * Tells a client that has asked for it (CLIENT MAINT_NOTIFICATIONS) to connect elsewhere within the time: it sends nothing more here, waits for the
 * replies to what it has sent, and closes. False: it has not asked, or there is nowhere to go.
 */
export function tellToMove(client: ClientState, elsewhere: () => string | null, ms: number): boolean {
  if (client.movesTo === null || client.resp !== 3) return false;
  const address = elsewhere();
  if (address === null) return false;
  const writer = new ReplyWriter(3);
  writer.push(4);
  writer.bulk('MOVING');
  writer.integer(++sequence);
  writer.integer(Math.floor(ms / 1000));
  writer.bulk(client.movesTo === 'address' ? address : null);
  const bytes = writer.take();
  client.push(typeof bytes === 'string' ? bytes : bytes.join(''));
  return true;
}
