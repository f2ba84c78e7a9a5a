/** Every message starts with its length, a u32. */
export const LENGTH_BYTES = 4;

/** The transport's bounds and times. Each has a default with its reason; tests shrink them. */
export interface TransportLimits {
  /** Longest message, in and out. A longer one is not sent; an announced longer one closes the connection. */
  readonly maxFrameBytes: number;
  /** A peer's queue: at or above it `writer` and `send` refuse. One last message may overshoot it. */
  readonly maxQueuedBytes: number;
  /** Longest `hello` payload. A longer one closes the connection. */
  readonly maxHelloBytes: number;
  /** From the first byte (or the dial) to an accepted connection, ms. */
  readonly handshakeMs: number;
  /** Incoming connections that have proven nothing yet. One more pushes the oldest out. */
  readonly maxHalfOpen: number;
  /** A ping is sent after so long without sending anything, ms. */
  readonly heartbeatMs: number;
  /** The connection is dead after so long without hearing anything, ms. */
  readonly heartbeatTimeoutMs: number;
  /** Between attempts to dial: from the first to the second, doubling, with jitter, ms. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

export const DEFAULT_LIMITS: TransportLimits = {
  // A value of 512 MB (Redis's largest), its key, its versions.
  maxFrameBytes: 520 * 1024 * 1024,
  // Half a second of a gigabit link: a peer further behind than this is better served by hints.
  maxQueuedBytes: 64 * 1024 * 1024,
  // A member is some 60 bytes: room for a thousand.
  maxHelloBytes: 64 * 1024,
  handshakeMs: 3000,
  // A cluster's worth of nodes dialling at once.
  maxHalfOpen: 64,
  // Five signs of life a second let a silence be told from chance within a second, for 5 packets of 60 bytes.
  heartbeatMs: 200,
  // The node itself stops using a silent peer long before; this only ends connections that will not come back.
  heartbeatTimeoutMs: 5000,
  backoffMinMs: 50,
  // A restarted peer dials too, so this bounds only how long two nodes that both wait stay apart.
  backoffMaxMs: 2000,
};

/** Defaults with `changes`. Throws when the heartbeat could not be told from silence. */
export function limitsWith(changes: Partial<TransportLimits>): TransportLimits {
  const limits = { ...DEFAULT_LIMITS, ...changes };
  if (limits.heartbeatTimeoutMs < 3 * limits.heartbeatMs) {
    throw new RangeError(
      'heartbeatTimeoutMs must be at least three times heartbeatMs: a ping may be two periods late',
    );
  }
  return limits;
}
