import { connect } from 'node:net';

/** What came back for some bytes, and whether the server then closed the connection. */
export interface Exchange {
  readonly reply: string;
  readonly closed: boolean;
}

/** Long enough for a server on this machine to say something, or to close; when the machine is busy the longer ones are. */
const SILENCES_MS = [150, 700, 3000];

/** What two servers make of the same bytes. Taken again with more patience while they differ: one may only be slow. */
export async function exchangeWithBoth(
  ports: readonly [number, number],
  bytes: string,
): Promise<readonly [Exchange, Exchange]> {
  for (const silence of SILENCES_MS) {
    const [first, second] = await Promise.all(ports.map((port) => exchange(port, bytes, silence)));
    const same = first.reply === second.reply && first.closed === second.closed;
    if (same || silence === SILENCES_MS.at(-1)) return [first, second];
  }
  throw new Error('no patience was given');
}

/** Sends bytes as they are and takes whatever comes until the server closes or is silent. */
export function exchange(port: number, bytes: string, silenceMs = SILENCES_MS[1]): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(bytes, 'latin1'));
    socket.setTimeout(silenceMs, () => end(false));
    const end = (closed: boolean): void => {
      resolve({ reply, closed });
      socket.destroy();
    };
    socket.on('data', (chunk) => {
      reply += chunk.toString('latin1');
    });
    socket.on('end', () => end(true));
    // A server that closes with bytes still unread resets the connection.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') end(true);
      else reject(error);
    });
  });
}
