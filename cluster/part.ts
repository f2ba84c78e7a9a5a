import type { Topology } from './core/topology.js';
import type { FrameReader } from './transport/frame-reader.js';
import type { PeerId } from './transport.js';

/** From tick to tick of a node, ms. */
export const TICK_MS = 50;

/**
 * A machine of the protocol that lives beside the coordinator and the replica: gossip, handoff, anti-entropy, reaping. The node
 * gives it its messages, the time, and the comings and goings of members; it sends through the transport it was made with.
 */
export interface NodePart {
  /** The message types that are its own. */
  readonly messages: readonly number[];
  /** It has its messages and its time also before there is a ring, and hears from nodes that are not in it. */
  readonly beforeRing?: boolean;
  /** False: the message is garbled; the connection is closed. */
  onMessage(type: number, peer: PeerId, body: FrameReader): boolean;
  /** The cluster has formed, or is known from the disk: from now on there is a topology, and messages come. */
  formed?(): void;
  /** `node.topology` is another one now: what was kept of `before` is void. */
  ringChanged?(topology: Topology, before: Topology): void;
  /** A member may be asked things: it is connected, heard, and hears us. */
  peerUp?(peer: PeerId): void;
  peerDown?(peer: PeerId): void;
  /** The bare connection, which may be up with nothing coming through: for the part that judges who may be asked things. */
  linkUp?(peer: PeerId): void;
  linkDown?(peer: PeerId): void;
  /**
   * Every `TICK_MS`, or later. `nowMs` is Unix ms, which may be set; `elapsedMs` goes on evenly: for deadlines (see `Clock`).
   */
  tick?(nowMs: number, elapsedMs: number): void;
  /** Nothing may be planned or sent any more. */
  stop?(): void;
}
