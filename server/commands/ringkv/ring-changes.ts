import { WAIT } from '../../../cluster/core/elastic/ring-changes.js';
import type { RingControl, RingControlDone } from '../../../cluster/core/elastic/ring-control.js';
import { IN_DOUBT, NOT_DECIDED, RING_BUSY } from '../../../cluster/core/elastic/ring-proposals.js';
import type { Member } from '../../../cluster/core/topology.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { NO_KEYS } from '../spec.js';
import { memberMeant } from './ring-member.js';

const DECIMAL = /^\d{1,3}(\.\d{1,6})?$/;

/** What all of them have in common: they are decided by a vote, and answered with OK when it is won. Then the slots begin to move. */
const CHANGE = {
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi'],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'ringkv',
  complexity: 'O(1); the work, in the background, is proportional to what moves',
} as const satisfies Partial<ServerCommandSpec>;

const leave: ServerCommandSpec = {
  ...CHANGE,
  name: 'kv.leave',
  arity: -1,
  summary:
    'Let this node, or another one that is up, hand over what it has and leave the cluster; then it stops',
  syntax: 'KV.LEAVE [node]',
  run(call) {
    const { argv, reply } = call;
    if (argv.length > 2) return reply.error('ERR syntax error');
    change(call, argv[1], (control, { name }, done) => control.leave(name, done));
  },
};

const remove: ServerCommandSpec = {
  ...CHANGE,
  name: 'kv.remove',
  arity: 2,
  summary: 'Take a dead node out of the cluster: the others make up for its replicas from their own',
  syntax: 'KV.REMOVE node',
  run: (call) => change(call, call.argv[1], (control, { name }, done) => control.remove(name, done)),
};

const replace: ServerCommandSpec = {
  ...CHANGE,
  name: 'kv.replace',
  arity: 3,
  summary:
    'Put a node that waits to join in the place of a dead one: it gets its slots, and no others move. A node that is started with the setting replace asks for it by itself',
  syntax: 'KV.REPLACE node newcomer',
  run: (call) =>
    change(call, call.argv[1], (control, { name }, done) => control.replace(name, call.argv[2], done)),
};

const weight: ServerCommandSpec = {
  ...CHANGE,
  name: 'kv.weight',
  arity: 3,
  summary: 'Set how much of the ring a node gets: 1 = as much as the others, 2 = twice that',
  syntax: 'KV.WEIGHT node weight',
  run(call) {
    const text = call.argv[2];
    if (!DECIMAL.test(text)) return call.reply.error('ERR value is not a valid float');
    change(call, call.argv[1], (control, { name }, done) => control.weight(name, Number(text), done));
  },
};

/** The name under which Dynamo's and Riak's operators look for it. */
const move: ServerCommandSpec = {
  ...weight,
  name: 'kv.move',
  summary: 'The same as KV.WEIGHT: slots move to or from the node until it has its share',
  syntax: 'KV.MOVE node weight',
};

const rollback: ServerCommandSpec = {
  ...CHANGE,
  name: 'kv.rollback',
  arity: 1,
  summary: 'Take back the change of the ring that is under way',
  syntax: 'KV.ROLLBACK',
  run: (call) => change(call, undefined, (control, _, done) => control.rollback(done)),
};

/** `node`: whom it is about; undefined: the node that is asked. */
function change(
  call: ServerCall,
  node: string | undefined,
  begin: (control: RingControl, member: Member, done: RingControlDone) => void,
): void {
  const { reply, server } = call;
  const topology = server.topology();
  const control = server.ring();
  if (topology === null || control === null) return reply.error('CLUSTERDOWN The cluster is forming');
  const member =
    node === undefined ? topology.members[topology.self] : memberMeant(topology, server.memberViews(), node);
  if (typeof member === 'string') return reply.error(member);
  const late = call.later();
  begin(control, member, (failure, note) => {
    if (failure !== null) late.reply.error(`${codeOf(failure)} ${failure}`);
    else if (note === null) late.reply.ok();
    else late.reply.simple(`OK, but ${note}`);
    late.done();
  });
}

function codeOf(failure: string): string {
  if (failure.startsWith(NOT_DECIDED) || failure.startsWith(IN_DOUBT)) return 'NOQUORUM';
  return failure === RING_BUSY || failure === WAIT ? 'TRYAGAIN' : 'ERR';
}

export const ringChangeCommands: readonly ServerCommandSpec[] = [
  leave,
  remove,
  replace,
  weight,
  move,
  rollback,
];
