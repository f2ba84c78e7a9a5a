import type { MemberView } from '../../../cluster/core/member-view.js';
import { SLOTS } from '../../../cluster/core/slot.js';
import { type Member, NOBODY, type Topology } from '../../../cluster/core/topology.js';
import type { ReplyBytes } from '../../resp/reply.js';

/** Adjacent slots with the same master and the same replicas. */
export interface SlotRange {
  readonly start: number;
  /** Inclusive. */
  end: number;
  /** Members' numbers: who coordinates the slots' writes plays the master, the other live homes are its replicas. */
  readonly nodes: readonly number[];
}

/**
 * Who serves which slots, as cluster clients are told it. On a ring of many tokens neighbours seldom share their homes: there
 * are thousands of ranges, so all of it, replies included, is made once and kept until somebody comes or goes.
 */
export class SlotMap {
  readonly epoch: number;
  /** All slots in order. */
  readonly ranges: readonly SlotRange[];
  /** By member: the slots it is the master of, as `start`, `end`, `start`, `end`, ... */
  readonly spans: readonly (readonly number[])[];
  /** The same as CLUSTER NODES writes them: `0-5 7 9-10`. */
  readonly spanTexts: readonly string[];
  private readonly replies = new Map<string, { readonly endpoints: string; readonly bytes: ReplyBytes }>();

  constructor(topology: Topology) {
    this.epoch = topology.trustEpoch;
    this.ranges = rangesOf(topology);
    const spans: number[][] = topology.members.map(() => []);
    for (const { start, end, nodes } of this.ranges) {
      const own = spans[nodes[0]];
      if (own.at(-1) === start - 1) own[own.length - 1] = end;
      else own.push(start, end);
    }
    this.spans = spans;
    this.spanTexts = spans.map(spanText);
  }

  /** A reply made of this map and of the nodes' endpoints. `kind` is one of a few names. */
  reply(kind: string, nodes: readonly ClusterNode[], make: () => ReplyBytes): ReplyBytes {
    const endpoints = nodes.map(({ id, host, port }) => `${id} ${host} ${port}`).join();
    const kept = this.replies.get(kind);
    if (kept?.endpoints === endpoints) return kept.bytes;
    const bytes = make();
    this.replies.set(kind, { endpoints, bytes });
    return bytes;
  }
}

/** Weak, so that a topology which was replaced is let go. */
const maps = new WeakMap<Topology, SlotMap>();

export function slotMapOf(topology: Topology): SlotMap {
  const known = maps.get(topology);
  if (known?.epoch === topology.trustEpoch) return known;
  const map = new SlotMap(topology);
  maps.set(topology, map);
  return map;
}

function rangesOf(topology: Topology): SlotRange[] {
  const ranges: SlotRange[] = [];
  let last: SlotRange | undefined;
  for (let slot = 0; slot < SLOTS; slot++) {
    const nodes = nodesOfSlot(topology, slot);
    if (last !== undefined && sameNodes(last.nodes, nodes)) {
      last.end = slot;
    } else {
      last = { start: slot, end: slot, nodes };
      ranges.push(last);
    }
  }
  return ranges;
}

/**
 * The master, then the replicas by their numbers: clients put slots with the same list in one group, and the fewer groups the
 * more of their keys can go in one pipeline. Replicas that are down are left out, as by Redis. Where nobody lives the first home
 * is named all the same, so that every slot is told. While slots move only who has everything is a replica to read from.
 */
function nodesOfSlot(topology: Topology, slot: number): number[] {
  const first = topology.firstLive[slot];
  const master = first === NOBODY ? topology.homes(slot)[0] : first;
  const nodes: number[] = [];
  for (const home of topology.sources(slot))
    if (home !== master && topology.alive[home] === 1) nodes.push(home);
  nodes.sort((a, b) => a - b);
  nodes.unshift(master);
  return nodes;
}

function sameNodes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((node, i) => node === b[i]);
}

function spanText(span: readonly number[]): string {
  let text = '';
  for (let i = 0; i < span.length; i += 2)
    text += span[i] === span[i + 1] ? ` ${span[i]}` : ` ${span[i]}-${span[i + 1]}`;
  return text.slice(1);
}

/** A member as cluster clients are told of it. */
export interface ClusterNode {
  readonly id: string;
  /** Where clients reach it; without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  readonly busPort: number;
}

/** Where clients reach a member, by the newest that was heard of it. */
export function clusterNode(member: Member, view: MemberView | undefined): ClusterNode {
  const { host, port } = endpoint(view?.facts?.address ?? member.clientAddress);
  return { id: view?.facts?.id ?? member.nodeId, host, port, busPort: endpoint(member.busAddress).port };
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Of `host:port`, where the host may be an IPv6 address. */
export function endpoint(address: string): Endpoint {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}
