import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { parseInt64 } from '../numbers.js';
import { type KeyPositions, NO_KEYS, type Value } from '../spec.js';

const SECOND_ARGUMENT: KeyPositions = { first: 2, last: 2, step: 1 };
/** Longer strings are an allocation of their own in Redis (`object.c`, OBJ_ENCODING_EMBSTR_SIZE_LIMIT). */
const EMBSTR_BYTES = 44;
/** Redis shares the objects of the integers below this, and answers INT_MAX as their reference count. */
const SHARED_INTEGERS = 10_000;
const SHARED_REFERENCES = 2 ** 31 - 1;
/** Redis's counter begins here, ends there, and takes `LFU_LOG_FACTOR` times as many reads for each next step (`evict.c`). */
const LFU_FIRST = 5;
const LFU_LAST = 255;
const LFU_LOG_FACTOR = 10;
const LFU_SECONDS = 60;

/** OBJECT: answered as Redis would have stored the string; nothing of it says how RingKV stores it. */
export const objectCommand: ServerCommandSpec = {
  name: 'object',
  arity: -2,
  flags: [],
  keys: NO_KEYS,
  since: '2.2.3',
  group: 'generic',
  notInGroup: true,
  summary: 'A container for object introspection commands',
  complexity: 'Depends on subcommand.',
  syntax: 'OBJECT subcommand [key]',
  run(call) {
    call.reply.error(`ERR unknown subcommand '${call.argv[1].slice(0, 128)}'. Try OBJECT HELP.`);
  },
  subcommands: [
    objectRow('encoding', '2.2.3', 'Inspect the internal encoding of a Redis object', (call, { payload }) =>
      call.reply.bulk(encodingOf(payload)),
    ),
    objectRow('freq', '4.0.0', 'Get the logarithmic access frequency counter of a Redis object', (call) =>
      call.reply.integer(frequencyOf(call.server.hotKeys.counts.of(call.db, call.argv[2]))),
    ),
    objectRow('idletime', '2.2.3', 'Get the time since a Redis object was last accessed', (call) =>
      call.reply.integer(0),
    ),
    objectRow(
      'refcount',
      '2.2.3',
      'Get the number of references to the value of the key',
      (call, { payload }) => call.reply.integer(isShared(payload) ? SHARED_REFERENCES : 1),
    ),
    {
      name: 'object|help',
      arity: 2,
      flags: ['loading', 'stale'],
      keys: NO_KEYS,
      since: '6.2.0',
      group: 'generic',
      summary: 'Show helpful text about the different subcommands',
      complexity: 'O(1)',
      syntax: 'OBJECT HELP',
      run({ reply }) {
        reply.array(HELP.length);
        for (const line of HELP) reply.simple(line);
      },
    },
  ],
};

/** A subcommand about one key; null where there is no such key. */
function objectRow(
  name: string,
  since: string,
  summary: string,
  answer: (call: ServerCall, value: Value) => void,
): ServerCommandSpec {
  return {
    name: `object|${name}`,
    arity: 3,
    flags: ['readonly'],
    keys: SECOND_ARGUMENT,
    since,
    group: 'generic',
    summary,
    complexity: 'O(1)',
    syntax: `OBJECT ${name.toUpperCase()} key`,
    run(call) {
      const value = call.read(call.argv[2]);
      if (value === undefined) call.reply.null();
      else answer(call, value);
    },
  };
}

/** Redis's counter after a minute at this rate: what `redis-cli --hotkeys` goes by. 0: hardly read on this node. */
function frequencyOf(perSecond: number): number {
  if (perSecond === 0) return 0;
  const steps = Math.sqrt((2 * perSecond * LFU_SECONDS) / LFU_LOG_FACTOR);
  return Math.min(LFU_LAST, Math.round(LFU_FIRST + steps));
}

function encodingOf(payload: string): string {
  if (parseInt64(payload) !== undefined) return 'int';
  return payload.length <= EMBSTR_BYTES ? 'embstr' : 'raw';
}

function isShared(payload: string): boolean {
  const n = parseInt64(payload);
  return n !== undefined && n >= 0 && n < SHARED_INTEGERS;
}

const HELP = [
  'OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'ENCODING <key>',
  '    Return the kind of internal representation used in order to store the value',
  '    associated with a <key>.',
  'FREQ <key>',
  '    Return the access frequency index of the <key>. The returned integer is',
  '    proportional to the logarithm of the recent access frequency of the key.',
  'IDLETIME <key>',
  '    Return the idle time of the <key>, that is the approximated number of',
  '    seconds elapsed since the last access to the key.',
  'REFCOUNT <key>',
  '    Return the number of references of the value associated with the specified',
  '    <key>.',
  'HELP',
  '    Prints this help.',
];
