import type { MemberFacts, MemberView } from '../../../cluster/core/member-view.js';
import { slotOf } from '../../../cluster/core/slot.js';
import type { Member } from '../../../cluster/core/topology.js';
import type { ReplyWriter } from '../../resp/reply.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

const FORMING = 'CLUSTERDOWN The cluster is forming';

/**
 * `KV.NODES` -> a map per member as this node sees it: who and where it is, its state and how sure that is (`phi`), the generation and
 * version of what is known of it, its clock: `ok`, or `off by -612 ms`, when others, or this node, are kept apart by it; and whether it is
 * `filling`: its disk is new, and has yet to get what is its own.
 */
const nodes: ServerCommandSpec = {
  name: 'kv.nodes',
  arity: 1,
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'List the members of the cluster as this node sees them',
  complexity: 'O(N) where N is the number of members',
  syntax: 'KV.NODES',
  run(call) {
    const topology = call.server.topology();
    if (topology === null) return call.reply.error(FORMING);
    const views = call.server.memberViews();
    const inRing = [topology.self, ...topology.peers].sort((a, b) => a - b);
    call.reply.array(inRing.length);
    for (const i of inRing) writeMember(call.reply, topology.members[i], views[i], i === topology.self);
  },
};

function writeMember(reply: ReplyWriter, member: Member, view: MemberView, self: boolean): void {
  const facts: MemberFacts = view.facts ?? {
    id: member.nodeId,
    address: member.clientAddress,
    rack: member.rack,
  };
  const clock = view.clockOffBy === 0 ? 'ok' : `off by ${view.clockOffBy} ms`;
  reply.map(11);
  for (const text of ['id', facts.id, 'address', facts.address, 'bus', member.busAddress]) reply.bulk(text);
  for (const text of ['rack', facts.rack, 'state', view.state, 'phi', view.phi.toFixed(2)]) reply.bulk(text);
  reply.bulk('generation');
  reply.integer(view.generation);
  reply.bulk('version');
  reply.integer(view.version);
  for (const text of ['clock', clock]) reply.bulk(text);
  reply.bulk('filling');
  reply.integer(facts.filling === true ? 1 : 0);
  reply.bulk('self');
  reply.integer(self ? 1 : 0);
}

/** `KV.WHERE key` -> the addresses of the key's home replicas, best first. */
const where: ServerCommandSpec = {
  name: 'kv.where',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Show the slot of a key and its home replicas, its coordinator first',
  complexity: 'O(N) where N is the number of replicas',
  syntax: 'KV.WHERE key',
  run(call) {
    const topology = call.server.topology();
    if (topology === null) return call.reply.error(FORMING);
    const slot = slotOf(call.argv[1]);
    const homes = [...topology.homes(slot)];
    call.reply.array(2);
    call.reply.integer(slot);
    call.reply.array(homes.length);
    for (const member of homes) call.reply.bulk(topology.members[member].clientAddress);
  },
};

/** WAIT: every acknowledged write has already reached its quorum, so there is nothing to wait for. */
const wait: ServerCommandSpec = {
  name: 'wait',
  arity: 3,
  flags: ['noscript'],
  keys: NO_KEYS,
  since: '3.0.0',
  group: 'generic',
  summary:
    'Wait for the synchronous replication of all the write commands sent in the context of the current connection',
  complexity: 'O(1)',
  syntax: 'WAIT numreplicas timeout',
  extraCategories: ['@connection'],
  notInGroup: true,
  run(call) {
    if (!/^-?(0|[1-9]\d{0,17})$/.test(call.argv[1]))
      return call.reply.error('ERR value is not an integer or out of range');
    if (!/^-?(0|[1-9]\d{0,17})$/.test(call.argv[2]))
      return call.reply.error('ERR timeout is not an integer or out of range');
    if (call.argv[2].startsWith('-')) return call.reply.error('ERR timeout is negative');
    call.reply.integer(otherReplicas(call));
  },
};

/** The other replicas that a write of this connection is known to have reached. */
function otherReplicas(call: ServerCall): number {
  const topology = call.server.topology();
  return topology === null ? 0 : call.server.writeReplicas(call.client) - 1;
}

export const nodeCommands: readonly ServerCommandSpec[] = [nodes, where, wait];
