import { Message } from '../messages.js';
import { LENGTH_BYTES } from '../transport/limits.js';
import type { SimRandom } from './sim-random.js';

/** What becomes of single messages on their way: chances, 0 to 1. */
export interface Roughness {
  /** It never comes. */
  readonly lose: number;
  /** It comes a second time, later. */
  readonly twice: number;
  /** It comes later than what was sent after it. */
  readonly late: number;
}

/**
 * A forwarded command runs when it comes: twice would be two commands. TCP promises at most once, and nothing in the protocol
 * sends it again, so it is the one message that may rely on it.
 */
const NEVER_TWICE: ReadonlySet<number> = new Set([Message.Forward]);

/** Takes some messages out of a frame; `stray` gets each that is to come out of its order, or once more. */
export function roughen(
  frame: Buffer,
  { lose, twice, late }: Roughness,
  random: SimRandom,
  stray: (message: Buffer) => void,
): Buffer {
  const kept: Buffer[] = [];
  let whole = true;
  for (let at = 0; at < frame.length; ) {
    const end = at + LENGTH_BYTES + frame.readUInt32BE(at);
    const message = frame.subarray(at, end);
    at = end;
    const luck = random.next();
    if (luck < lose) {
      whole = false;
    } else if (luck < lose + late) {
      whole = false;
      stray(message);
    } else {
      kept.push(message);
      if (luck < lose + late + twice && !NEVER_TWICE.has(message[LENGTH_BYTES])) stray(message);
    }
  }
  return whole ? frame : Buffer.concat(kept);
}
