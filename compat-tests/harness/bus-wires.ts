import { connect, createServer, type Server, type Socket } from 'node:net';

const HOST = '127.0.0.1';
/** Where the opening with which whoever dials begins has the node's id (`cluster/transport/handshake.ts`). */
const ID_AT = 6;
const ID_BYTES = 16;

/** One direction of a connection: what is read on one side goes to the other, or waits while the wire is cut. */
interface Lane {
  readonly from: Socket;
  readonly to: Socket;
  readonly sender: number;
  readonly receiver: number;
}

/**
 * The wires between nodes of a test, which can be cut, each way by itself. A node's seeds are the addresses here, so whatever
 * nodes send each other passes through. What is sent over a cut wire waits as in a real network: nobody is told, and it arrives
 * after the heal if both ends still want it by then.
 */
export class BusWires {
  private readonly servers: Server[] = [];
  private readonly lanes = new Set<Lane>();
  private readonly sockets = new Set<Socket>();
  private readonly severed = new Set<string>();

  /** `nodeIds`: in hex, by number of the node. */
  constructor(private readonly nodeIds: readonly string[]) {}

  /** Takes connections for the node on `port` and passes them on to where it listens. */
  async lay(node: number, port: number, busPort: number): Promise<void> {
    const server = createServer((dialler) => this.take(dialler, node, busPort));
    this.servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, HOST, resolve);
    });
  }

  /** Nothing passes between the two groups any more. */
  part(some: readonly number[], others: readonly number[]): void {
    this.silence(some, others);
    this.silence(others, some);
  }

  /** What these nodes send does not arrive at those. */
  silence(senders: readonly number[], receivers: readonly number[]): void {
    for (const sender of senders) for (const receiver of receivers) this.severed.add(`${sender}>${receiver}`);
    for (const lane of this.lanes) this.regulate(lane);
  }

  /** Whole again. */
  heal(): void {
    this.severed.clear();
    for (const lane of this.lanes) this.regulate(lane);
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  /** Who dials is known by the first bytes; they are kept until then. */
  private take(dialler: Socket, listener: number, busPort: number): void {
    this.keep(dialler);
    let opening = Buffer.alloc(0);
    const read = (bytes: Buffer): void => {
      opening = Buffer.concat([opening, bytes]);
      if (opening.length < ID_AT + ID_BYTES) return;
      dialler.off('data', read);
      dialler.pause();
      const sender = this.nodeIds.indexOf(opening.toString('hex', ID_AT, ID_AT + ID_BYTES));
      if (sender < 0) dialler.destroy();
      else this.join(dialler, opening, { sender, listener, busPort });
    };
    dialler.on('data', read);
  }

  private join(
    dialler: Socket,
    opening: Buffer,
    { sender, listener, busPort }: { sender: number; listener: number; busPort: number },
  ): void {
    const answerer = connect({ host: HOST, port: busPort });
    this.keep(answerer);
    dialler.unshift(opening);
    const lanes: Lane[] = [
      { from: dialler, to: answerer, sender, receiver: listener },
      { from: answerer, to: dialler, sender: listener, receiver: sender },
    ];
    for (const lane of lanes) {
      lane.from.on('data', (bytes) => {
        if (!lane.to.write(bytes)) lane.from.pause();
      });
      lane.to.on('drain', () => this.regulate(lane));
      lane.from.on('close', () => {
        this.lanes.delete(lane);
        lane.to.end();
      });
      this.lanes.add(lane);
      this.regulate(lane);
    }
  }

  private regulate(lane: Lane): void {
    if (this.severed.has(`${lane.sender}>${lane.receiver}`)) lane.from.pause();
    else lane.from.resume();
  }

  private keep(socket: Socket): void {
    socket.setNoDelay(true);
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
  }
}
