import { AckCount } from '../../core/ack-count.js';
import { KeyRead } from '../../core/key-read.js';
import { ALL } from '../../core/levels.js';
import type { Operation } from '../../core/operation.js';
import type { CallFailure } from '../../core/peer-calls.js';
import { QuorumReads } from '../../core/quorum-reads.js';
import { Replica } from '../../core/replica.js';
import { ReplicaSets } from '../../core/replica-sets.js';
import { WriteGroup } from '../../core/write-group.js';
import { WriteGroups } from '../../core/write-groups.js';
import { type ForwardedRequest, Forwarder } from '../../forwarder.js';
import { type Mutant, replace } from './mutant.js';

const WITHOUT_HINTS = { maxHintsBytes: 0, repairIntervalSeconds: 0 } as const;

/** Mistakes in how writes and reads are counted. */
export const quorumMutants: readonly Mutant[] = [
  {
    name: 'early acknowledgement',
    mistake: 'a write is acknowledged as soon as one replica has it',
    faults: ['crash', 'partition'],
    plan: { settings: { sloppy: false } },
    make: () =>
      replace<AckCount, [number], string>(
        AckCount.prototype,
        'state',
        (original) =>
          function (needed) {
            return this.yes >= 1 ? 'won' : original.call(this, needed);
          },
      ),
  },
  {
    name: 'read of one',
    mistake: 'a quorum read asks one replica only',
    faults: ['crash', 'partition'],
    plan: { settings: { sloppy: false, ...WITHOUT_HINTS } },
    make: () =>
      replace<{ needed: number }, [readonly number[], number], void>(
        KeyRead.prototype,
        'start',
        (original) =>
          function (candidates, homes) {
            this.needed = 1;
            original.call(this, candidates, homes);
          },
      ),
  },
  {
    name: 'no read repair',
    mistake: 'a read that finds replicas to differ leaves them so',
    faults: ['crash', 'partition'],
    plan: { settings: { sloppy: false, ...WITHOUT_HINTS }, repairedBy: 'reads' },
    make: () => replace(QuorumReads.prototype, 'repair', () => () => {}),
  },
  {
    name: 'fallback in strict mode',
    mistake: 'with `sloppy no` a node beyond the home replicas counts as one of them',
    faults: ['partition', 'partial partition'],
    plan: { settings: { sloppy: false } },
    make: () =>
      replace<{ sloppy: boolean }, [Uint8Array], void>(
        ReplicaSets.prototype,
        'refresh',
        (original) =>
          function (alive) {
            this.sloppy = true;
            original.call(this, alive);
          },
      ),
  },
  {
    name: 'acknowledged before the log',
    mistake: 'a replica confirms what is not in its log yet',
    faults: ['crash', 'crash of all', 'slow disk'],
    plan: { settings: { sloppy: false, writeQuorum: ALL, readQuorum: 1 } },
    make: () =>
      replace<Replica, [number, number, { seq: number }], void>(
        Replica.prototype,
        'settle',
        (original) =>
          function (peer, id, group) {
            group.seq = 0;
            original.call(this, peer, id, group);
          },
      ),
  },
  {
    name: 'half a group',
    mistake: 'a replica confirms a group of writes although some of its records never came',
    faults: ['lost, late and repeated messages', 'crash', 'partition'],
    plan: { settings: { sloppy: false } },
    make: () =>
      replace<Replica, [number, number, { expected: number; received: number }], void>(
        Replica.prototype,
        'settle',
        (original) =>
          function (peer, id, group) {
            if (group.expected >= 0) group.expected = group.received;
            original.call(this, peer, id, group);
          },
      ),
  },
  {
    name: 'errors that lie',
    mistake: 'a write that may have been applied is said not to have been',
    faults: ['crash', 'partition'],
    make: () =>
      replace<WriteGroup, [Operation], void>(
        WriteGroup.prototype,
        'add',
        (original) =>
          function (operation) {
            const finish = operation.finish.bind(operation);
            operation.finish = (failure) =>
              finish(failure?.replace('may have been applied', 'was not applied') ?? null);
            original.call(this, operation);
          },
      ),
  },
  {
    name: 'groups for ever',
    mistake: 'a group of writes is kept after the last answer to it',
    faults: ['crash'],
    make: () => {
      const drop = replace(WriteGroups.prototype, 'dropIfOver', () => () => {});
      const expire = replace(WriteGroups.prototype, 'expire', () => () => 0);
      return () => {
        drop();
        expire();
      };
    },
  },
  {
    name: 'increment sent again',
    mistake: 'an increment whose coordinator was lost before it answered is sent to the next one',
    faults: ['broken connection', 'crash'],
    plan: { mix: { incr: 10, get: 1 } },
    make: () =>
      replace<Forwarder, [ForwardedRequest, number, CallFailure], void>(
        Forwarder.prototype,
        'failed',
        (original) =>
          function (request, owner, failure) {
            const lost = failure === 'connection-lost' && request.repeatable === 'no';
            original.call(this, request, owner, lost ? 'not-sent' : failure);
          },
      ),
  },
];
