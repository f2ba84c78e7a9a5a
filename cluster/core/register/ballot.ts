import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';

type Frame = NonNullable<ReturnType<Transport['writer']>>;

/**
 * The number of a round of a register (Lamport's ballot): rounds first, then who proposes. The proposer is one life of one node, so
 * that no two ever use the same ballot, not even a node before and after its restart.
 */
export interface Ballot {
  readonly round: number;
  /** 16 bytes of node id and the number of its life, latin1. */
  readonly proposer: string;
}

/** Below every ballot that is used. */
export const NO_BALLOT: Ballot = { round: 0, proposer: '' };

export function proposerName(nodeId: string, life: number): string {
  const bytes = Buffer.alloc(20);
  bytes.write(nodeId, 0, 16, 'hex');
  bytes.writeUInt32BE(life >>> 0, 16);
  return bytes.latin1Slice();
}

/** Below 0: `a` is the lower one. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round;
  if (a.proposer === b.proposer) return 0;
  return a.proposer < b.proposer ? -1 : 1;
}

/** What whoever accepts `ballot` promises in the same breath: its proposer may go on without asking. */
export function nextBallot({ round, proposer }: Ballot): Ballot {
  return { round: round + 1, proposer };
}

export function writeBallot(out: Frame, { round, proposer }: Ballot): void {
  out.f64(round);
  out.latin1(proposer);
}

/** undefined: it is garbled. */
export function readBallot(body: FrameReader): Ballot | undefined {
  const round = body.f64();
  const proposer = body.latin1();
  if (!body.ok || !Number.isSafeInteger(round) || round < 0) return undefined;
  return { round, proposer };
}
