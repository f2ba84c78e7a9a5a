import type { Reply } from './node-link.js';

/** A member in the reply of KV.RING. */
export interface MemberRow {
  readonly id: string;
  readonly address: string;
  readonly bus: string;
  readonly rack: string;
  readonly weight: string;
  /** `up`, `suspect` or `down`, as the node sees it that was asked. */
  readonly state: string;
  /** Its disk is new, and has yet to get what is the node's. */
  readonly filling: boolean;
  readonly role: string;
  readonly slots: number;
  /** Of all copies of slots. */
  readonly percent: string;
  readonly slotsToGet: number;
  readonly slotsToClear: number;
  /** -1: it did not say. */
  readonly keys: number;
  readonly diskBytes: number;
  readonly slotsLeft: number;
  readonly slotsTotal: number;
  readonly bytes: number;
  readonly done: boolean;
  /** It is the node that was asked. */
  readonly self: boolean;
}

/** The reply of KV.RING. */
export interface RingView {
  readonly epoch: number;
  readonly phase: string;
  /** In words; empty: no change is under way. */
  readonly change: string;
  readonly slotsLeft: number;
  readonly slotsTotal: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
  /** null: nobody can say. */
  readonly secondsLeft: number | null;
  readonly waitingFor: readonly string[];
  readonly members: readonly MemberRow[];
}

export function ringView(reply: Reply): RingView {
  const fields = fieldsOf(reply);
  const number = (name: string): number => Number(fields.get(name));
  const seconds = number('seconds-left');
  return {
    epoch: number('epoch'),
    phase: String(fields.get('phase')),
    change: String(fields.get('change')),
    slotsLeft: number('slots-left'),
    slotsTotal: number('slots-total'),
    bytes: number('bytes'),
    bytesPerSecond: number('bytes-per-second'),
    secondsLeft: seconds < 0 ? null : seconds,
    waitingFor: (fields.get('waiting-for') as readonly string[]) ?? [],
    members: ((fields.get('members') as readonly Reply[]) ?? []).map(memberRow),
  };
}

function memberRow(reply: Reply): MemberRow {
  const fields = fieldsOf(reply);
  const number = (name: string): number => Number(fields.get(name));
  const text = (name: string): string => String(fields.get(name));
  return {
    id: text('id'),
    address: text('address'),
    bus: text('bus'),
    rack: text('rack'),
    weight: text('weight'),
    state: text('state'),
    filling: number('filling') === 1,
    role: text('role'),
    slots: number('slots'),
    percent: text('percent'),
    slotsToGet: number('slots-to-get'),
    slotsToClear: number('slots-to-clear'),
    keys: number('keys'),
    diskBytes: number('disk-bytes'),
    slotsLeft: number('slots-left'),
    slotsTotal: number('slots-total'),
    bytes: number('bytes'),
    done: number('done') === 1,
    self: number('self') === 1,
  };
}

/** A map is a flat list of names and values in RESP2. */
function fieldsOf(reply: Reply): ReadonlyMap<string, Reply> {
  const list = reply as readonly Reply[];
  return new Map(
    Array.from({ length: list.length / 2 }, (_, i) => [String(list[2 * i]), list[2 * i + 1]] as const),
  );
}
