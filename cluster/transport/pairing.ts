/**
 * One connection per pair of nodes, although both dial. The node with the smaller id settles it: the larger says which
 * connections it wants (`Accept`, numbered), the smaller takes the first that is wanted and turns the others away; the larger
 * follows. An established connection is not given up for one that was dialled at the same time, but at once for one that
 * shows that the other side has lost it.
 */
export interface Candidate {
  /** Dialled by the smaller node, which is the one that decides. */
  readonly dialler: boolean;
  /** The other side's process. */
  readonly boot: string;
  /** The number the other side gave its wish for this connection. */
  readonly wish: number;
}

/** The smaller node's decision about a connection both want, when it holds `current` to the same node. */
export function settle(current: Candidate | undefined, candidate: Candidate): 'take' | 'duplicate' {
  if (current === undefined) return 'take';
  // The process behind the current one is gone; its death has not been noticed yet.
  if (current.boot !== candidate.boot) return 'take';
  // We dialled before the current one came up: no news about it.
  if (candidate.dialler) return 'duplicate';
  // The larger node does not wish for what it dialled while it holds another (`wants`). A later wish: it has lost that.
  return candidate.wish > current.wish ? 'take' : 'duplicate';
}

/** Whether the larger node wants a connection when it holds `current`, up or wished for, to the same node. */
export function wants(
  current: { boot: string } | undefined,
  candidate: { dialler: boolean; boot: string },
): boolean {
  // What the smaller node dialled is left to its judgement: it may have lost the current one.
  return current === undefined || current.boot !== candidate.boot || !candidate.dialler;
}
