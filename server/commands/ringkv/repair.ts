import type { RepairFigures } from '../../../cluster/core/anti-entropy/peer-repair.js';
import type { Topology } from '../../../cluster/core/topology.js';
import type { ReplyWriter } from '../../resp/reply.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';

const SLOTS = 16384;
const NOT_A_SLOT = `ERR a slot is a number from 0 to ${SLOTS - 1}, or ALL`;

/** The longest a timer can run. */
const MAX_WAIT_MS = 2 ** 31 - 1;

/** What is asked for; a string is an error line. */
interface Wish {
  /** null: all. */
  readonly slot: number | null;
  /** ms to wait for the end; 0: for ever; undefined: not at all. */
  readonly wait: number | undefined;
}

/**
 * `KV.REPAIR [ALL | slot] [WAIT ms]` compares this node's slots, or one of them, with all other replicas and repairs what differs,
 * both ways; `KV.REPAIR STATUS` only tells. All answer how it stands: state, failures, and a map per peer.
 */
const repair: ServerCommandSpec = {
  name: 'kv.repair',
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  summary:
    'Compare the slots of this node with their other replicas now and repair what differs, or show how repair stands',
  complexity: 'O(1); the work, in the background, is proportional to what differs',
  syntax: 'KV.REPAIR [ALL | slot | STATUS] [WAIT milliseconds]',
  run(call) {
    const { argv, reply, server } = call;
    const topology = server.topology();
    const antiEntropy = server.repair();
    if (topology === null || antiEntropy === null) return reply.error('CLUSTERDOWN The cluster is forming');
    if (argv.length === 2 && argv[1].toUpperCase() === 'STATUS') {
      const peers = antiEntropy.figures();
      const isBusy = peers.some(({ state }) => state === 'running' || state === 'waiting');
      return status(reply, isBusy ? 'running' : 'idle', [], peers);
    }
    const wish = parse(argv);
    if (typeof wish === 'string') return reply.error(wish);
    const { slot, wait } = wish;
    if (slot !== null && topology.isHome[slot] === 0)
      return reply.error(
        `ERR this node is not a home replica of slot ${slot}: ask ${homeNames(topology, slot)}`,
      );
    start(call, slot, wait);
  },
};

/** Where clients reach the slot's homes. */
function homeNames(topology: Topology, slot: number): string {
  const names = [...topology.homes(slot)].map((home) => topology.members[home].clientAddress);
  return names.join(' or ');
}

function start(call: ServerCall, slot: number | null, wait: number | undefined): void {
  const antiEntropy = call.server.repair()!;
  let failures: readonly string[] | undefined;
  let answer: (() => void) | undefined;
  const begun = antiEntropy.repair(slot, (all) => {
    failures = all;
    answer?.();
  });
  if (!begun) return call.reply.error('OVERLOADED too many repairs are waiting, try again');
  const tell = (reply: ReplyWriter): void => {
    const state = failures === undefined ? 'running' : failures.length === 0 ? 'done' : 'failed';
    status(reply, state, failures ?? [], antiEntropy.figures());
  };
  if (wait === undefined || failures !== undefined) return tell(call.reply);
  const late = call.later();
  answer = () => {
    answer = undefined;
    tell(late.reply);
    late.done();
  };
  if (wait > 0) call.server.setTimer(wait, () => answer?.());
}

function parse(argv: readonly string[]): Wish | string {
  let at = 1;
  let slot: number | null = null;
  const place = argv[at]?.toUpperCase();
  if (place !== undefined && place !== 'WAIT') {
    at++;
    if (place !== 'ALL') {
      slot = wholeNumber(place);
      if (!(slot < SLOTS)) return NOT_A_SLOT;
    }
  }
  if (at === argv.length) return { slot, wait: undefined };
  if (argv[at].toUpperCase() !== 'WAIT' || argv.length !== at + 2) return 'ERR syntax error';
  const wait = wholeNumber(argv[at + 1]);
  if (!(wait <= MAX_WAIT_MS)) return 'ERR timeout is not an integer or out of range';
  return { slot, wait };
}

/** NaN when it is none. */
function wholeNumber(text: string): number {
  return /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
}

function status(
  reply: ReplyWriter,
  state: string,
  failures: readonly string[],
  peers: readonly RepairFigures[],
): void {
  reply.map(3);
  reply.bulk('state');
  reply.bulk(state);
  reply.bulk('failures');
  reply.array(failures.length);
  for (const failure of failures) reply.bulk(failure);
  reply.bulk('peers');
  reply.array(peers.length);
  for (const peer of peers) writePeer(reply, peer);
}

function writePeer(reply: ReplyWriter, peer: RepairFigures): void {
  const numbers: Readonly<Record<string, number>> = {
    'slots-shared': peer.slotsShared,
    'slots-compared': peer.slotsCompared,
    'slots-differing': peer.slotsDiffering,
    'slots-left': peer.slotsLeft,
    'keys-differing': peer.keysDiffering,
    'keys-sent': peer.keysSent,
    'keys-received': peer.keysReceived,
    'bytes-sent': peer.bytesSent,
    'bytes-received': peer.bytesReceived,
    rounds: peer.rounds,
    'last-finished-ms': peer.lastFinished,
  };
  const entries = Object.entries(numbers);
  reply.map(entries.length + 4);
  for (const text of ['address', peer.address, 'state', peer.state, 'last-failure', peer.lastFailure])
    reply.bulk(text);
  for (const [name, value] of entries) {
    reply.bulk(name);
    reply.integer(value);
  }
  reply.bulk('furthest-behind');
  reply.array(peer.behind.length);
  for (const [slot, leaves] of peer.behind) {
    reply.array(2);
    reply.integer(slot);
    reply.integer(leaves);
  }
}

export const repairCommands: readonly ServerCommandSpec[] = [repair];
