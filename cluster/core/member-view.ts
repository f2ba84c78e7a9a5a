/** Down is one that nobody hears; suspect one that this node cannot use, or cannot use yet. */
export type State = 'up' | 'suspect' | 'down';

/** What a member says about itself to all. */
export interface MemberFacts {
  readonly id: string;
  /** Where clients reach it. */
  readonly address: string;
  readonly rack: string;
  /** How far it is with what the present change of the ring asks of it. */
  readonly ring?: RingProgress;
  /** Its disk is new, and has yet to get what is the member's. */
  readonly filling?: boolean;
}

/** A member's part in a change of the ring. */
export interface RingProgress {
  /** The state of the ring for which this is said. */
  readonly epoch: number;
  readonly done: boolean;
  /** Slots that are still to be seen to, of so many in all. */
  readonly left: number;
  readonly total: number;
  /** Of records that it has received for it. */
  readonly bytes: number;
}

/** A member as this node sees it. */
export interface MemberView {
  readonly state: State;
  readonly phi: number;
  /** 0: it was not heard of yet. */
  readonly generation: number;
  readonly version: number;
  /** undefined: it was not heard of yet. */
  readonly facts: MemberFacts | undefined;
  /** By how much its clock is off, ms: of others, if it is more than allowed; of this node, if most others say so. */
  readonly clockOffBy: number;
}

/** What a member carries. */
export interface NodeLoad {
  /** Of which it holds a copy, in all databases. */
  readonly keys: number;
  /** That its database takes on its disk. */
  readonly diskBytes: number;
}
