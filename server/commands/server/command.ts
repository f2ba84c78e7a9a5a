import type { ReplyWriter } from '../../resp/reply.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import { categoriesOf } from '../categories.js';
import { helpRow } from '../container.js';
import { globMatch } from '../generic/glob.js';
import { flagsIn, type KeySpec, keySpecsOf, keysAt } from '../key-specs.js';
import { NO_KEYS } from '../spec.js';
import type { CommandRow } from '../table.js';

const COMMON = {
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  since: '2.8.13',
  group: 'server',
  extraCategories: ['@connection'],
} as const;

const count: ServerCommandSpec = {
  ...COMMON,
  name: 'command|count',
  arity: 2,
  summary: 'Get total number of Redis commands',
  complexity: 'O(1)',
  syntax: 'COMMAND COUNT',
  run({ reply, server }) {
    reply.integer(server.table.rows.length);
  },
};

const infoRow: ServerCommandSpec = {
  ...COMMON,
  name: 'command|info',
  arity: -2,
  summary: 'Get array of specific Redis command details, or all when no argument is given.',
  complexity: 'O(N) where N is the number of commands to look up',
  syntax: 'COMMAND INFO [command-name [command-name ...]]',
  run(call) {
    writeInfos(call, call.argv.length > 2 ? call.argv.slice(2) : undefined);
  },
};

const docs: ServerCommandSpec = {
  ...COMMON,
  name: 'command|docs',
  arity: -2,
  since: '7.0.0',
  summary: 'Get array of specific Redis command documentation',
  complexity: 'O(N) where N is the number of commands to look up',
  syntax: 'COMMAND DOCS [command-name [command-name ...]]',
  run({ argv, reply, server }) {
    const { table } = server;
    const rows = argv.length > 2 ? argv.slice(2).flatMap((name) => table.named(name) ?? []) : [...table.rows];
    reply.map(rows.length);
    for (const row of rows) writeDocs(reply, row);
  },
};

const list: ServerCommandSpec = {
  ...COMMON,
  name: 'command|list',
  arity: -2,
  since: '7.0.0',
  summary: 'Get an array of Redis command names',
  complexity: 'O(N) where N is the total number of Redis commands',
  syntax: 'COMMAND LIST [FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]',
  run({ argv, reply, server }) {
    const filter = listFilter(argv.slice(2));
    if (filter === undefined) return reply.error('ERR syntax error');
    const rows = filter.whole ? server.table.rows : [...server.table.everyRow()];
    const names = rows.filter(filter.keep).map((row) => row.spec.name);
    reply.array(names.length);
    for (const name of names) reply.bulk(name);
  },
};

interface ListFilter {
  readonly whole: boolean;
  keep(row: CommandRow): boolean;
}

function listFilter(options: readonly string[]): ListFilter | undefined {
  if (options.length === 0) return { whole: true, keep: () => true };
  if (options.length !== 3 || options[0].toLowerCase() !== 'filterby') return undefined;
  const wanted = options[2];
  switch (options[1].toLowerCase()) {
    case 'module':
      return { whole: false, keep: () => false };
    case 'aclcat':
      return { whole: false, keep: (row) => categoriesOf(row.spec).includes(`@${wanted.toLowerCase()}`) };
    case 'pattern':
      return { whole: false, keep: (row) => globMatch(wanted, row.spec.name, true) };
    default:
      return undefined;
  }
}

const getkeys: ServerCommandSpec = {
  ...COMMON,
  name: 'command|getkeys',
  arity: -4,
  summary: 'Extract keys given a full Redis command',
  complexity: 'O(N) where N is the number of arguments to the command',
  syntax: 'COMMAND GETKEYS command [arg ...]',
  run(call) {
    const specs = keySpecsIn(call);
    if (specs === undefined) return;
    const keys = specs.flatMap((spec) => keysAt(spec, call.argv.slice(2)));
    call.reply.array(keys.length);
    for (const key of keys) call.reply.bulk(key);
  },
};

const getkeysandflags: ServerCommandSpec = {
  ...COMMON,
  name: 'command|getkeysandflags',
  arity: -4,
  since: '7.0.0',
  summary: 'Extract keys and access flags given a full Redis command',
  complexity: 'O(N) where N is the number of arguments to the command',
  syntax: 'COMMAND GETKEYSANDFLAGS command [arg ...]',
  run(call) {
    const specs = keySpecsIn(call);
    if (specs === undefined) return;
    const inner = call.argv.slice(2);
    const found = specs.map((spec) => ({ flags: flagsIn(spec, inner), keys: keysAt(spec, inner) }));
    call.reply.array(found.reduce((sum, { keys }) => sum + keys.length, 0));
    for (const { flags, keys } of found) {
      for (const key of keys) {
        call.reply.array(2);
        call.reply.bulk(key);
        writeSet(call.reply, flags);
      }
    }
  },
};

/** Where the command in the arguments has its keys; undefined after an error reply. */
function keySpecsIn(call: ServerCall): KeySpec[] | undefined {
  const inner = call.argv.slice(2);
  const row = call.server.table.find(inner);
  if (row === undefined) call.reply.error('ERR Invalid command specified');
  else if (!row.hasKeys) call.reply.error('ERR The command has no key arguments');
  else if (!row.arityFits(inner.length))
    call.reply.error('ERR Invalid number of arguments specified for command');
  else return keySpecsOf(row);
  return undefined;
}

const help = helpRow('command', '5.0.0', [
  '(no subcommand)',
  '    Return details about all Redis commands.',
  'COUNT',
  '    Return the total number of commands in this Redis server.',
  'LIST',
  '    Return a list of all commands in this Redis server.',
  'INFO [<command-name> ...]',
  '    Return details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'DOCS [<command-name> ...]',
  '    Return documentation details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'GETKEYS <full-command>',
  '    Return the keys from a full Redis command.',
  'GETKEYSANDFLAGS <full-command>',
  '    Return the keys and the access flags from a full Redis command.',
]);

export const command: ServerCommandSpec = {
  ...COMMON,
  name: 'command',
  arity: -1,
  summary: 'Get array of Redis command details',
  complexity: 'O(N) where N is the total number of Redis commands',
  syntax: 'COMMAND',
  run(call) {
    writeInfos(call, undefined);
  },
  subcommands: [
    count,
    infoRow,
    docs,
    list,
    getkeys,
    getkeysandflags,
    { ...help, extraCategories: ['@connection'] },
  ],
};

function writeInfos(call: ServerCall, names: readonly string[] | undefined): void {
  const { reply } = call;
  const { table } = call.server;
  const rows = names === undefined ? table.rows : names.map((name) => table.named(name));
  reply.array(rows.length);
  for (const row of rows) {
    if (row === undefined) reply.null();
    else writeInfo(reply, row);
  }
}

function writeInfo(reply: ReplyWriter, row: CommandRow): void {
  const { name, arity, flags, keys } = row.spec;
  reply.array(10);
  reply.bulk(name);
  reply.integer(arity);
  writeSet(reply, flags);
  reply.integer(keys.first);
  reply.integer(keys.last);
  reply.integer(keys.step);
  writeSet(reply, categoriesOf(row.spec));
  reply.set(0);
  writeKeySpecs(reply, row);
  // A set where there are none, as Redis has it.
  if (row.subcommands.length === 0) reply.set(0);
  else reply.array(row.subcommands.length);
  for (const sub of row.subcommands) writeInfo(reply, sub);
}

function writeKeySpecs(reply: ReplyWriter, row: CommandRow): void {
  const specs = keySpecsOf(row);
  reply.set(specs.length);
  for (const spec of specs) writeKeySpec(reply, spec);
}

function writeKeySpec(reply: ReplyWriter, { flags, first, last, step }: KeySpec): void {
  reply.map(3);
  reply.bulk('flags');
  writeSet(reply, flags);
  reply.bulk('begin_search');
  reply.map(2);
  reply.bulk('type');
  reply.bulk('index');
  reply.bulk('spec');
  reply.map(1);
  reply.bulk('index');
  reply.integer(first);
  reply.bulk('find_keys');
  reply.map(2);
  reply.bulk('type');
  reply.bulk('range');
  reply.bulk('spec');
  reply.map(3);
  reply.bulk('lastkey');
  reply.integer(last < 0 ? last : last - first);
  reply.bulk('keystep');
  reply.integer(step);
  reply.bulk('limit');
  reply.integer(0);
}

function writeSet(reply: ReplyWriter, names: readonly string[]): void {
  reply.set(names.length);
  for (const name of names) reply.simple(name);
}

function writeDocs(reply: ReplyWriter, row: CommandRow): void {
  const { name, summary, since, group, complexity } = row.spec;
  reply.bulk(name);
  reply.map(row.subcommands.length > 0 ? 5 : 4);
  const facts = { summary, since, group, complexity };
  for (const [field, value] of Object.entries(facts)) {
    reply.bulk(field);
    reply.bulk(value);
  }
  if (row.subcommands.length === 0) return;
  reply.bulk('subcommands');
  reply.map(row.subcommands.length);
  for (const sub of row.subcommands) writeDocs(reply, sub);
}
