/** What the transport has done since it started. */
export interface Counters {
  /** Socket writes of frames, pings included; handshakes are not. */
  writes: number;
  bytesOut: number;
  bytesIn: number;
  messagesIn: number;
  /** Times `writer` or `send` refused because a queue was full. */
  queueFull: number;
  /** Times a message was longer than `maxFrameBytes` in `send`. */
  tooLong: number;
  /** Incoming connections. */
  taken: number;
  /** Garbage, wrong secret, wrong version, too slow. */
  failedHandshakes: number;
  /** Half-open connections pushed out by newer ones. */
  pushedOut: number;
  /** Refusals by a node's word, either side's. */
  refused: number;
}

export function newCounters(): Counters {
  return {
    writes: 0,
    bytesOut: 0,
    bytesIn: 0,
    messagesIn: 0,
    queueFull: 0,
    tooLong: 0,
    taken: 0,
    failedHandshakes: 0,
    pushedOut: 0,
    refused: 0,
  };
}
