import type { PeerId } from '../transport.js';
import type { Digest, MemberState } from './gossip-table.js';

/** Entries of one message at most: what does not fit goes with the next exchange. */
export const MAX_ENTRIES = 4096;
/** States of one message at most; they are longer than digests. */
export const MAX_STATES = 256;

/** What both sides tell in every exchange. */
interface Header {
  /** The sender's clock, Unix ms. */
  readonly clock: number;
  /** Whether the sender hears the receiver: a wire may be cut one way. */
  readonly hears: boolean;
}

/** Opens an exchange. The sums are of the whole table: mostly the other's are the same, and nothing needs to be told. */
export interface Syn extends Header {
  readonly kind: 'syn';
  readonly sumA: number;
  readonly sumB: number;
  /** Of some members, or null: to be asked for if the sums differ. */
  readonly digests: readonly Digest[] | null;
}

/** What the sender of the Syn lacks, and what it shall send. */
export interface Ack extends Header {
  readonly kind: 'ack';
  /** The clock of the Syn that is answered. */
  readonly echo: number;
  readonly states: readonly MemberState[];
  readonly wanted: readonly PeerId[];
}

export interface Ack2 {
  readonly kind: 'ack2';
  readonly states: readonly MemberState[];
}

/** Asks a member to probe another. */
export interface ProbeRequest {
  readonly kind: 'probe-request';
  readonly number: number;
  readonly target: PeerId;
}

/** Asks for a sign of life, on behalf of `asker`. */
export interface Probe {
  readonly kind: 'probe';
  readonly number: number;
  readonly asker: PeerId;
}

/** To the asker, or to the member that asked for it. */
export interface ProbeAnswer {
  readonly kind: 'probe-answer';
  readonly number: number;
  readonly asker: PeerId;
  /** false: the member that was asked does not hear the target either. */
  readonly heard: boolean;
}

export type GossipMessage = Syn | Ack | Ack2 | ProbeRequest | Probe | ProbeAnswer;
