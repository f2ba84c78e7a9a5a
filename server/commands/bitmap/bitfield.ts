import { type Call, type CommandSpec, ONE_KEY } from '../spec.js';
import { isTooLong, TOO_LONG } from '../strings/limits.js';
import { grownBytes } from './bit-args.js';
import { type FieldOperation, parseFieldOperations } from './bitfield-args.js';
import { fitField, readField, writeField } from './field-integer.js';

/** BITFIELD, BITFIELD_RO. */
export const bitfieldCommands: readonly CommandSpec[] = [
  {
    name: 'bitfield',
    arity: -2,
    flags: ['write', 'denyoom'],
    keys: ONE_KEY,
    since: '3.2.0',
    group: 'bitmap',
    summary: 'Perform arbitrary bitfield integer operations on strings',
    complexity: 'O(1) for each subcommand specified',
    syntax:
      'BITFIELD key [GET type offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET type offset value | INCRBY type offset increment> ...]',
    run(call) {
      const operations = parseFieldOperations(call);
      if (typeof operations === 'string') call.reply.error(operations);
      else if (operations.every(({ kind }) => kind === 'get')) getFields(call, operations);
      else changeFields(call, operations);
    },
  },
  {
    name: 'bitfield_ro',
    arity: -2,
    flags: ['readonly', 'fast'],
    keys: ONE_KEY,
    since: '6.0.0',
    group: 'bitmap',
    summary: 'Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD',
    complexity: 'O(1) for each subcommand specified',
    syntax: 'BITFIELD_RO key [GET type offset [GET type offset ...]]',
    run(call) {
      const operations = parseFieldOperations(call);
      if (typeof operations === 'string') call.reply.error(operations);
      else if (operations.some(({ kind }) => kind !== 'get'))
        call.reply.error('ERR BITFIELD_RO only supports the GET subcommand');
      else getFields(call, operations);
    },
  },
];

function getFields(call: Call, operations: readonly FieldOperation[]): void {
  const payload = call.read(call.argv[1])?.payload ?? '';
  const byteAt = (i: number): number => (i < payload.length ? payload.charCodeAt(i) : 0);
  call.reply.array(operations.length);
  for (const { type, offset } of operations) call.reply.integer(readField(byteAt, offset, type));
}

function changeFields(call: Call, operations: readonly FieldOperation[]) {
  const { argv, reply } = call;
  // As in Redis the value grows to hold every field that is to be changed, also where the change then fails.
  const length = operations.reduce((longest, one) => Math.max(longest, endOfChange(one)), 0);
  if (isTooLong(call, length)) return reply.error(TOO_LONG);
  const value = call.read(argv[1]);
  const bytes = grownBytes(value?.payload ?? '', length);
  const byteAt = (i: number): number => bytes[i] ?? 0;
  reply.array(operations.length);
  for (const { kind, type, offset, operand, overflow } of operations) {
    const before = readField(byteAt, offset, type);
    if (kind === 'get') {
      reply.integer(before);
      continue;
    }
    const after =
      kind === 'set' ? fitField(type, overflow, operand, 0n) : fitField(type, overflow, before, operand);
    if (after === undefined) {
      reply.null();
      continue;
    }
    writeField(bytes, offset, type, after);
    reply.integer(kind === 'set' ? before : after);
  }
  const payload = bytes.latin1Slice();
  if (payload !== value?.payload) call.write(argv[1], payload, value?.expireAt ?? 0);
}

/** Bytes the value must have for this operation. */
function endOfChange({ kind, type, offset }: FieldOperation): number {
  return kind === 'get' ? 0 : Math.floor((offset + type.bits - 1) / 8) + 1;
}
