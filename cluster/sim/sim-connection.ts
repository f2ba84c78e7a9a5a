import type { SimTransport } from './sim-transport.js';

/** What travels: a frame of messages, or a step of the handshake or the end of the connection. */
export type Parcel =
  | { readonly kind: 'frame'; readonly bytes: Buffer }
  /** The listener's greeting, to the dialler. */
  | { readonly kind: 'welcome'; readonly hello: Buffer }
  /** The dialler is up. */
  | { readonly kind: 'accept' }
  | { readonly kind: 'refuse'; readonly reason: string }
  | { readonly kind: 'end' };

interface Travelling {
  readonly at: number;
  readonly parcel: Parcel;
}

/** One side of a connection. */
export class End {
  peer = -1;
  up = false;
  closed = false;
  paused = false;
  refused = false;
  /** When something last came from the other side, heartbeats included. */
  heardAt: number;
  /** Rises with everything that comes, heartbeats included. */
  signs = 0;
  /** On the way to this end, in order. */
  inbox: Travelling[] = [];

  constructor(
    readonly transport: SimTransport,
    readonly dialler: boolean,
    /** The address that was dialled. */
    readonly dialled: string,
    readonly bornAt: number,
  ) {
    this.heardAt = bornAt;
  }

  /** The process at this end lives and holds the connection. */
  get open(): boolean {
    return !this.closed && !this.transport.dead;
  }
}

/** A TCP connection: in order both ways, and what is under way when it ends may be lost. */
export class Connection {
  constructor(
    readonly dialler: End,
    readonly listener: End,
  ) {}

  other(end: End): End {
    return end === this.dialler ? this.listener : this.dialler;
  }

  get ends(): readonly [End, End] {
    return [this.dialler, this.listener];
  }
}
