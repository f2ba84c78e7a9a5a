import type { RingFigures } from '../../../cluster/core/elastic/ring-meter.js';
import { type Role, rolesIn, sum } from '../../../cluster/core/elastic/ring-progress.js';
import { everybody } from '../../../cluster/core/elastic/ring-state.js';
import type { MemberView, NodeLoad } from '../../../cluster/core/member-view.js';
import { SLOTS } from '../../../cluster/core/slot.js';
import type { Topology } from '../../../cluster/core/topology.js';
import type { ReplyWriter } from '../../resp/reply.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

const FORMING = 'CLUSTERDOWN The cluster is forming';

/**
 * `KV.RING` -> the state of the ring, how far the change is that is under way, and a map per member: who it is, what it owns, what it
 * carries, what it has still to do. `KV.RING SLOTS` -> `[first, last, [addresses of the home replicas, best first]]` for runs of slots.
 */
const ring: ServerCommandSpec = {
  name: 'kv.ring',
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary: 'Show who owns how much of the ring, what each node carries, and how far a change of it is',
  complexity:
    'O(N) where N is the number of members, which are asked; with SLOTS O(S) where S is the number of slots',
  syntax: 'KV.RING [SLOTS]',
  run(call) {
    const { argv, reply, server } = call;
    if (argv.length > 2 || (argv.length === 2 && argv[1].toUpperCase() !== 'SLOTS'))
      return reply.error('ERR syntax error');
    const topology = server.topology();
    if (topology === null) return reply.error(FORMING);
    if (argv.length === 2) return writeSlots(reply, topology);
    const late = call.later();
    server.loads((loads) => {
      // The ring may have changed meanwhile: loads are by number, which a member keeps.
      writeRing(late.reply, call, server.topology()!, loads);
      late.done();
    });
  },
};

function writeRing(
  reply: ReplyWriter,
  { server }: ServerCall,
  topology: Topology,
  loads: readonly (NodeLoad | undefined)[],
): void {
  const views = server.memberViews();
  const figures = server.ringFigures()!;
  writeMap(reply, figuresOf(figures), 2);
  reply.bulk('waiting-for');
  reply.array(figures.waitingFor.length);
  for (const name of figures.waitingFor) reply.bulk(name);
  reply.bulk('members');
  const { members } = topology;
  const inRing = [topology.self, ...topology.peers].sort((a, b) =>
    members[a].name < members[b].name ? -1 : 1,
  );
  const roles = rolesIn(topology.ring);
  reply.array(inRing.length);
  const copies = inRing.reduce((all, number) => all + sum(topology.slotsOf(number)), 0);
  for (const number of inRing)
    writeMember(
      reply,
      topology,
      copies,
      number,
      roles.get(members[number].name)!,
      views[number],
      loads[number],
    );
}

function figuresOf(figures: RingFigures): Record<string, string | number> {
  return {
    epoch: figures.epoch,
    phase: figures.phase,
    change: figures.change,
    'slots-left': figures.left,
    'slots-total': figures.total,
    bytes: figures.bytes,
    'bytes-per-second': figures.bytesPerSecond,
    'seconds-left': figures.secondsLeft ?? -1,
  };
}

function writeMember(
  reply: ReplyWriter,
  topology: Topology,
  copies: number,
  number: number,
  role: Role,
  view: MemberView,
  load: NodeLoad | undefined,
): void {
  const member = topology.members[number];
  // Not as the node was started: as the ring has it.
  const { rack, weight } = everybody(topology.ring).find(({ name }) => name === member.name)!;
  const slots = sum(topology.slotsOf(number));
  const said = view.facts?.ring;
  const progress = said?.epoch === topology.epoch ? said : undefined;
  writeMap(reply, {
    id: view.facts?.id ?? member.nodeId,
    address: view.facts?.address ?? member.clientAddress,
    bus: member.busAddress,
    rack,
    weight: String(weight),
    state: view.state,
    filling: view.facts?.filling === true ? 1 : 0,
    role,
    self: number === topology.self ? 1 : 0,
    slots,
    percent: ((100 * slots) / copies).toFixed(1),
    'slots-to-get': sum(topology.gainedBy(number)),
    'slots-to-clear': sum(topology.lostBy(number)),
    keys: load?.keys ?? -1,
    'disk-bytes': load?.diskBytes ?? -1,
    'slots-left': progress?.left ?? 0,
    'slots-total': progress?.total ?? 0,
    bytes: progress?.bytes ?? 0,
    done: progress?.done === true || topology.ring.phase === 'stable' ? 1 : 0,
  });
}

/** `more`: pairs that the caller adds. */
function writeMap(reply: ReplyWriter, fields: Record<string, string | number>, more = 0): void {
  const entries = Object.entries(fields);
  reply.map(entries.length + more);
  for (const [name, value] of entries) {
    reply.bulk(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulk(value);
  }
}

function writeSlots(reply: ReplyWriter, topology: Topology): void {
  const runs: { first: number; last: number; homes: Uint16Array }[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const homes = topology.homes(slot);
    const run = runs.at(-1);
    if (run !== undefined && run.homes.join() === homes.join()) run.last = slot;
    else runs.push({ first: slot, last: slot, homes });
  }
  reply.array(runs.length);
  for (const { first, last, homes } of runs) {
    reply.array(3);
    reply.integer(first);
    reply.integer(last);
    reply.array(homes.length);
    for (const member of homes) reply.bulk(topology.members[member].clientAddress);
  }
}

export const ringCommands: readonly ServerCommandSpec[] = [ring];
