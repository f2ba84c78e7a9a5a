/**
 * The network as the protocol core sees it. `transport/tcp-transport.ts` does it over TCP, `cluster/sim/` inside one process.
 *
 * Promises: messages to one peer arrive in order and at most once while the connection lives; `onDown` comes exactly once
 * for each `onUp`; what was gathered or under way when a connection ends is lost, and nobody is told which messages.
 */
import type { FrameWriter } from './transport/frame-writer.js';

/** A small number this process gave a peer (index into the member table); never sent. */
export type PeerId = number;

/** 128 random bits as 32 lower-case hex digits. */
export type NodeIdHex = string;

export type HelloVerdict =
  | { readonly accept: true; readonly peer: PeerId }
  /** The reason is sent to the other side and logged on both. */
  | { readonly accept: false; readonly reason: string };

/** How an attempt to reach an address ended. Every attempt is reported; all but `self` and `twin` are repeated when needed. */
export type DialOutcome =
  /** The node at this address is connected (by this attempt, or it already was by another connection). */
  | { readonly kind: 'up'; readonly nodeId: NodeIdHex }
  /** The address is our own. It is not dialled again. */
  | { readonly kind: 'self' }
  /** Another process runs with our node id: a copied data folder. It is not dialled again. */
  | { readonly kind: 'twin' }
  /** The node at this address will not talk to us. */
  | { readonly kind: 'refused'; readonly nodeId: NodeIdHex; readonly reason: string }
  /** We will not talk to the node at this address, by the verdict on its greeting. */
  | { readonly kind: 'unwanted'; readonly nodeId: NodeIdHex; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface TransportHandlers {
  /** Our greeting, asked for at each new connection; at most `maxHelloBytes`. */
  hello(): Buffer;
  /**
   * A node that has proven the cluster secret introduces itself; `payload` is its `hello()`, valid during the call. May come
   * again for a connected node (a second connection, to be dropped): names the peer, does not mean it is up.
   */
  onHello(nodeId: NodeIdHex, payload: Buffer): HelloVerdict;
  /** Messages may be sent from inside. */
  onUp(peer: PeerId): void;
  onDown(peer: PeerId, reason: string): void;
  /**
   * One whole message, in `buffer` from `start` to `end`, valid during the call only (strings read from it are copies).
   * false: it makes no sense, close the connection.
   */
  onMessage(peer: PeerId, buffer: Buffer, start: number, end: number): boolean;
  onDial(address: string, outcome: DialOutcome): void;
  /** The first message since the last `flush` was begun: `flush` has to be called at the end of this turn. */
  onGathered(): void;
}

export interface Transport {
  /** Once, before anything else. */
  attach(handlers: TransportHandlers): void;
  /**
   * The peer's outgoing frame of this turn: `begin()`, fields, `end()`. undefined: no live connection, or its queue is full
   * (counted). Ask again for each message: a writer kept beyond the turn may belong to a dead connection.
   */
  writer(peer: PeerId): FrameWriter | undefined;
  /** Appends one message whose bytes are already there, and copies them. false as for `writer`, or when it is too long. */
  send(peer: PeerId, message: Buffer): boolean;
  /** Hands every gathered frame to its socket: one write per peer. Called by the node at the end of a turn. */
  flush(): void;
  isUp(peer: PeerId): boolean;
  /** Connected, but so much is queued that `writer` refuses. */
  isFull(peer: PeerId): boolean;
  /** Signs of life over the present connection: a count that rises with everything that arrives. 0 when down. */
  signsOf(peer: PeerId): number;
  /** Bytes gathered or handed to the socket and not yet taken by the kernel; 0 when down. */
  queuedBytes(peer: PeerId): number;
  /** Stops reading from the peer (what was already read is still delivered) until `resume`. Not kept over a reconnection. */
  pause(peer: PeerId): void;
  resume(peer: PeerId): void;
  /** Ends the connection; `onDown` is called before it returns. If an address of the peer is known, it is dialled again. */
  drop(peer: PeerId, reason: string): void;
  /** Keeps a connection to the node at `host:port` (`[v6]:port`), dialling again for ever. Repeating it does nothing. */
  connect(address: string): void;
  /** Stops dialling the address. A live connection stays. */
  forget(address: string): void;
}
