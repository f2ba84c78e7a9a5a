import type { FrameReader } from './transport/frame-reader.js';
import type { PeerId } from './transport.js';

/**
 * A machine of the protocol that lives beside the coordinator and the replica: gossip, handoff, anti-entropy, reaping. The node
 * gives it its messages, the time, and the comings and goings of members; it sends through the transport it was made with.
 */
export interface NodePart {
  /** The message types that are its own. */
  readonly messages: readonly number[];
  /** False: the message is garbled; the connection is closed. */
  onMessage(type: number, peer: PeerId, body: FrameReader): boolean;
  /** The cluster has formed, or is known from the disk: from now on there is a topology, and messages come. */
  formed?(): void;
  /** A member is connected and may be sent to. */
  peerUp?(peer: PeerId): void;
  peerDown?(peer: PeerId): void;
  /** Some times a second; `nowMs` is Unix ms. */
  tick?(nowMs: number): void;
  /** Nothing may be planned or sent any more. */
  stop?(): void;
}
