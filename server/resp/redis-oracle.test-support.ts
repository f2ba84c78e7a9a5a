import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';

const START_ATTEMPTS = 400;
const SOON_MS = 25;

/** A real redis-server of its own, in memory, that says what is right. Each raw connection sees exactly the bytes given. */
export class RedisOracle {
  private constructor(
    private readonly server: ChildProcess,
    private readonly dir: string,
    private readonly port: number,
    private readonly control: RawConnection,
  ) {}

  static async start(...flags: string[]): Promise<RedisOracle> {
    const port = await freePort();
    const dir = await mkdtemp(join(tmpdir(), 'ringkv-oracle-'));
    const common = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
    const server = spawn('redis-server', [...common, '--enable-debug-command', 'yes', ...flags], {
      stdio: 'ignore',
    });
    let failure: Error | undefined;
    server.once('error', (error) => {
      failure = error;
    });
    for (let attempt = 0; attempt < START_ATTEMPTS && failure === undefined; attempt++) {
      try {
        return new RedisOracle(server, dir, port, await RawConnection.open(port));
      } catch {
        await setTimeout(SOON_MS);
      }
    }
    server.kill();
    throw failure ?? new Error('redis-server did not start');
  }

  open(): Promise<RawConnection> {
    return RawConnection.open(this.port);
  }

  /**
   * Waits until the server has read what was sent before and its replies are here: two round trips on another connection,
   * since one server loop reads all connections and answers before the next.
   */
  async settle(): Promise<void> {
    for (let round = 0; round < 2; round++) await this.control.roundTrip();
    await setImmediate();
    await setImmediate();
  }

  async stop(): Promise<void> {
    this.control.close();
    this.server.kill();
    await once(this.server, 'exit');
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A socket whose received bytes are gathered as latin1. */
export class RawConnection {
  received = '';
  closed = false;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.received += bytes.toString('latin1');
    });
    socket.on('close', () => {
      this.closed = true;
    });
    // A server that closes on bytes it has not read resets the connection.
    socket.on('error', () => {});
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => resolve());
    });
  }

  /** Waits for so many received bytes, or the close. */
  async receive(length: number): Promise<void> {
    while (this.received.length < length && !this.closed) await setTimeout(1);
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await setTimeout(1);
  }

  async roundTrip(): Promise<void> {
    const length = this.received.length + '+PONG\r\n'.length;
    await this.send('PING\r\n');
    await this.receive(length);
  }

  close(): void {
    this.socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
