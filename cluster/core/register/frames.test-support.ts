import { FrameWriter } from '../../transport/frame-writer.js';
import type { Transport } from '../../transport.js';

/** A message that was sent: what stands behind its type is its body. */
export interface Sent {
  readonly peer: number;
  readonly type: number;
  readonly body: Buffer;
}

/** Frames to peers, kept until they are asked for. */
export class Frames {
  readonly deaf = new Set<number>();
  private readonly frames = new Map<number, FrameWriter>();

  constructor(private readonly maxMessageBytes = 1 << 20) {}

  get transport(): Transport {
    return { writer: (peer: number) => this.writer(peer) } as unknown as Transport;
  }

  /** Since the last call. */
  sent(): Sent[] {
    const all: Sent[] = [];
    for (const [peer, frame] of this.frames) {
      const bytes = frame.take();
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt32BE(at);
        all.push({ peer, type: bytes[at + 4], body: Buffer.from(bytes.subarray(at + 5, end)) });
        at = end;
      }
    }
    return all;
  }

  /** undefined: it cannot be sent anything. */
  writer(peer: number): FrameWriter | undefined {
    if (this.deaf.has(peer)) return undefined;
    let frame = this.frames.get(peer);
    if (frame === undefined) {
      frame = new FrameWriter(this.maxMessageBytes);
      this.frames.set(peer, frame);
    }
    return frame;
  }
}
