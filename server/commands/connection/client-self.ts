import type { ReplyMode } from '../../client.js';
import { Errors } from '../../errors.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { BAD_NAME, isPlainWord } from './client-name.js';
import { clientAdminRow, clientRow } from './connection-row.js';

export const clientId = clientRow({
  name: 'client|id',
  arity: 2,
  since: '5.0.0',
  summary: 'Returns the client ID for the current connection',
  complexity: 'O(1)',
  syntax: 'CLIENT ID',
  run: ({ client, reply }) => reply.integer(client.id),
});

export const clientGetName = clientRow({
  name: 'client|getname',
  arity: 2,
  since: '2.6.9',
  summary: 'Get the current connection name',
  complexity: 'O(1)',
  syntax: 'CLIENT GETNAME',
  run: ({ client, reply }) => reply.bulk(client.name === '' ? null : client.name),
});

export const clientSetName = clientRow({
  name: 'client|setname',
  arity: 3,
  since: '2.6.9',
  summary: 'Set the current connection name',
  complexity: 'O(1)',
  syntax: 'CLIENT SETNAME connection-name',
  run({ argv, client, reply }) {
    if (!isPlainWord(argv[2])) return reply.error(BAD_NAME);
    client.name = argv[2];
    reply.ok();
  },
});

/** Of Redis 7.2: current client libraries send it at once and are happier with an OK. */
export const clientSetInfo = clientRow({
  name: 'client|setinfo',
  arity: 4,
  since: '7.2.0',
  summary: 'Sets information specific to the client or connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>',
  run({ argv, client, reply }) {
    const option = argv[2].toLowerCase();
    if (option !== 'lib-name' && option !== 'lib-ver') {
      return reply.error(`ERR Unrecognized option '${argv[2]}'`);
    }
    if (!isPlainWord(argv[3])) {
      return reply.error(`ERR ${argv[2]} cannot contain spaces, newlines or special characters.`);
    }
    if (option === 'lib-name') client.libName = argv[3];
    else client.libVersion = argv[3];
    reply.ok();
  },
});

/** The mode that `CLIENT REPLY word` leads to; undefined when there is no such word. */
function nextReplyMode(word: string, now: ReplyMode): ReplyMode | undefined {
  if (word === 'on' || word === 'off') return word;
  // Where nothing is answered anyway there is nothing to skip: only ON ends that.
  if (word === 'skip') return now === 'off' ? 'off' : 'skip-next';
  return undefined;
}

export const clientReply = clientRow({
  name: 'client|reply',
  arity: 3,
  since: '3.2.0',
  summary: 'Instruct the server whether to reply to commands',
  complexity: 'O(1)',
  syntax: 'CLIENT REPLY <ON | OFF | SKIP>',
  run({ argv, client, reply }) {
    const mode = nextReplyMode(argv[2].toLowerCase(), client.replyMode);
    if (mode === undefined) return reply.error(Errors.syntax);
    client.replyMode = mode;
    // Reaches the client only if it asked for ON: the session drops it otherwise.
    reply.ok();
  },
});

/** `ON` or `OFF`, as a boolean; an error reply otherwise. */
function onOff(apply: (call: ServerCall, on: boolean) => void): ServerCommandSpec['run'] {
  return (call) => {
    const word = call.argv[2].toLowerCase();
    if (word !== 'on' && word !== 'off') return call.reply.error(Errors.syntax);
    apply(call, word === 'on');
    call.reply.ok();
  };
}

/** Kept and shown, but without effect: no client is ever evicted. */
export const clientNoEvict = clientAdminRow({
  name: 'client|no-evict',
  arity: 3,
  since: '7.0.0',
  summary: 'Set client eviction mode for the current connection',
  complexity: 'O(1)',
  syntax: 'CLIENT NO-EVICT <ON | OFF>',
  run: onOff(({ client }, on) => {
    client.noEvict = on;
  }),
});

/** Of Redis 7.2. Kept and shown, but without effect: keys have no LRU clock a client could see. */
export const clientNoTouch = clientRow({
  name: 'client|no-touch',
  arity: 3,
  since: '7.2.0',
  summary: 'Controls whether commands sent by the client affect the LRU/LFU of accessed keys.',
  complexity: 'O(1)',
  syntax: 'CLIENT NO-TOUCH <ON | OFF>',
  run: onOff(({ client }, on) => {
    client.noTouch = on;
  }),
});
