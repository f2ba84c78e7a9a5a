import { once } from 'node:events';
import { connect } from 'node:net';
import { VALUE_BYTES } from './measure.js';

const COMMANDS_PER_CHUNK = 500;
const CHUNKS_AHEAD = 8;
const REPLY_BYTES = '+OK\r\n'.length;

/** Sets keys `key:000000000000` and up, the names redis-benchmark uses. Rejects when a reply is not OK. */
export async function fill(port: number, keys: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  const value = 'x'.repeat(VALUE_BYTES);
  let sent = 0;
  let received = 0;
  await new Promise<void>((resolve, reject) => {
    const send = (): void => {
      while (sent < keys && sent * REPLY_BYTES - received < CHUNKS_AHEAD * COMMANDS_PER_CHUNK * REPLY_BYTES) {
        let chunk = '';
        const end = Math.min(keys, sent + COMMANDS_PER_CHUNK);
        for (; sent < end; sent++)
          chunk += `*3\r\n$3\r\nSET\r\n$16\r\nkey:${String(sent).padStart(12, '0')}\r\n$${VALUE_BYTES}\r\n${value}\r\n`;
        socket.write(chunk, 'latin1');
      }
    };
    socket.on('data', (bytes) => {
      if (bytes.includes('-')) reject(new Error(`filling failed: ${bytes.toString('latin1').slice(0, 200)}`));
      received += bytes.length;
      if (received === keys * REPLY_BYTES) resolve();
      else send();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('filling failed: the connection was closed')));
    send();
  });
  socket.destroy();
}
