import { beforeNul, Errors } from '../errors.js';
import type { ServerCommandSpec } from '../server-call.js';
import type { KeyRef } from './spec.js';

/** Powers of two of a microsecond that calls are counted by, as LATENCY HISTOGRAM shows them. */
const HISTOGRAM_BUCKETS = 32;

/** Commands without keys that look at nothing another command changes: they need not wait for the ones before them. */
const INDEPENDENT = new Set(['ping', 'echo', 'time']);
/** Spellings remembered by the hot path (`GET`, `get`, `Get`); further ones are looked up the slow way. */
const MAX_SPELLINGS = 4096;

/** A command (or subcommand) with everything the hot path asks of its row worked out beforehand. */
export class CommandRow {
  readonly isWrite: boolean;
  readonly hasKeys: boolean;
  /** Reads keys: a client that tracks is told when they change. */
  readonly isRead: boolean;
  /** Its keys' records are there when it runs. */
  readonly fetchesKeys: boolean;
  /** Exactly one key, the first argument. */
  readonly oneKey: boolean;
  /** Runs when everything before it is done, and before anything after it starts. */
  readonly alone: boolean;
  /** Allowed before AUTH. */
  readonly noAuth: boolean;
  /** Refused between MULTI and EXEC. */
  readonly noMulti: boolean;
  /** Done twice it is answered as if done once. Not DEL, whose sum counts what it found: a second try would answer 0. */
  readonly answersAlike: boolean;
  /** As in its spec; here it is at one place for all rows. */
  readonly serial: ServerCommandSpec['serial'];
  readonly subcommands: readonly CommandRow[];
  calls = 0;
  failedCalls = 0;
  rejectedCalls = 0;
  /** Microseconds spent, all calls together. */
  usec = 0;
  /** Calls per power of two of a microsecond. */
  readonly histogram = new Uint32Array(HISTOGRAM_BUCKETS);

  constructor(
    readonly spec: ServerCommandSpec,
    readonly parent: CommandRow | undefined,
  ) {
    const { first, last, step } = spec.keys;
    this.isWrite = spec.flags.includes('write');
    this.hasKeys = first > 0 || spec.keysOf !== undefined;
    this.isRead = this.hasKeys && spec.flags.includes('readonly');
    this.oneKey = first === 1 && last === 1 && step === 1 && spec.keysOf === undefined;
    this.fetchesKeys = this.hasKeys && spec.alone !== true;
    this.alone = !this.fetchesKeys && !INDEPENDENT.has(spec.name);
    this.noMulti = spec.flags.includes('no_multi');
    this.answersAlike = spec.fanout !== 'sum';
    this.serial = spec.serial;
    this.noAuth = spec.flags.includes('no_auth');
    this.subcommands = (spec.subcommands ?? []).map((sub) => new CommandRow(sub, this));
  }

  keysOf(argv: readonly string[], db: number): KeyRef[] {
    if (this.spec.keysOf !== undefined) return this.spec.keysOf(argv, db);
    const { first, last, step } = this.spec.keys;
    const refs: KeyRef[] = [];
    if (first === 0) return refs;
    const end = last < 0 ? argv.length + last : Math.min(last, argv.length - 1);
    for (let i = first; i <= end; i += step) refs.push({ db, key: argv[i] });
    return refs;
  }

  resetStats(): void {
    this.calls = 0;
    this.failedCalls = 0;
    this.rejectedCalls = 0;
    this.usec = 0;
    this.histogram.fill(0);
  }

  arityFits(length: number): boolean {
    const { arity } = this.spec;
    return arity >= 0 ? length === arity : length >= -arity;
  }
}

/** All commands by name. Lookups ignore case. */
export class CommandTable {
  readonly rows: readonly CommandRow[];
  /** Stands for a command that is not known, so that every call has a row. */
  readonly none: CommandRow;
  private readonly byName = new Map<string, CommandRow>();
  private readonly spellings = new Map<string, CommandRow>();

  constructor(specs: readonly ServerCommandSpec[]) {
    this.rows = specs.map((spec) => new CommandRow(spec, undefined));
    for (const row of this.rows) {
      if (this.byName.has(row.spec.name)) throw new Error(`two rows for ${row.spec.name}`);
      this.byName.set(row.spec.name, row);
    }
    this.none = new CommandRow(NO_COMMAND, undefined);
  }

  /** Commands and subcommands. */
  *everyRow(): Generator<CommandRow> {
    for (const row of this.rows) {
      yield row;
      yield* row.subcommands;
    }
  }

  lookup(name: string): CommandRow | undefined {
    const spelled = this.spellings.get(name);
    if (spelled !== undefined) return spelled;
    const row = this.byName.get(name.toLowerCase());
    if (row !== undefined && this.spellings.size < MAX_SPELLINGS) this.spellings.set(name, row);
    return row;
  }

  /** By its name alone, a subcommand's as `parent|sub`. */
  named(name: string): CommandRow | undefined {
    const [parent, sub] = name.toLowerCase().split('|');
    const row = this.byName.get(parent);
    return sub === undefined || row === undefined ? row : subcommandOf(row, sub);
  }

  /** The row that `argv` calls, whether or not its arguments are right in number. */
  find(argv: readonly string[]): CommandRow | undefined {
    const row = this.lookup(argv[0]);
    return row === undefined || row.subcommands.length === 0 || argv.length < 2
      ? row
      : subcommandOf(row, argv[1]);
  }

  /** The row that `argv` calls, a subcommand's where it names one, or an error line: unknown, or the wrong number of arguments. */
  resolve(argv: readonly string[]): CommandRow | string {
    const row = this.lookup(argv[0]);
    if (row === undefined) return unknownCommand(argv);
    const target = row.subcommands.length > 0 && argv.length > 1 ? subcommandOf(row, argv[1]) : row;
    if (target === undefined) return unknownSubcommand(row, argv[1]);
    if (target.arityFits(argv.length)) return target;
    target.rejectedCalls++;
    return Errors.arity(target.spec.name);
  }
}

function subcommandOf(row: CommandRow, name: string): CommandRow | undefined {
  const wanted = `${row.spec.name}|${name.toLowerCase()}`;
  return row.subcommands.find((sub) => sub.spec.name === wanted);
}

/** Redis 7.0 `processCommand`: the name and the first arguments, each and all together cut at 128 bytes. */
function unknownCommand(argv: readonly string[]): string {
  let shown = '';
  for (let i = 1; i < argv.length && shown.length < 128; i++)
    shown += `'${beforeNul(argv[i]).slice(0, 128 - shown.length)}' `;
  return `ERR unknown command '${beforeNul(argv[0]).slice(0, 128)}', with args beginning with: ${shown}`;
}

function unknownSubcommand(row: CommandRow, name: string): string {
  return `ERR unknown subcommand '${beforeNul(name).slice(0, 128)}'. Try ${row.spec.name.toUpperCase()} HELP.`;
}

const NO_COMMAND: ServerCommandSpec = {
  name: 'unknown',
  arity: -1,
  flags: [],
  keys: { first: 0, last: 0, step: 0 },
  since: '0.1.0',
  group: 'server',
  summary: '',
  complexity: '',
  syntax: '',
  run: () => {},
};
