import { connect } from 'node:net';

const PATIENCE_MS = 2000;

/** `ringkv health`: asks a node for PING; a node that wants a password is alive too. Ends the process with 0 or 1. */
export function checkHealth({ host, port }: { host: string; port: number }): Promise<void> {
  return new Promise(() => {
    const socket = connect({ host, port }, () => socket.write('PING\r\n'));
    socket.setTimeout(PATIENCE_MS, () => process.exit(1));
    socket.on('error', () => process.exit(1));
    socket.on('close', () => process.exit(1));
    socket.on('data', (reply) => process.exit(/^(\+PONG|-NOAUTH)/.test(reply.toString('latin1')) ? 0 : 1));
  });
}
