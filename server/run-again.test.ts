import { describe, expect, it } from 'vitest';
import { SERIAL } from '../cluster/core/levels.js';
import type { Operation } from '../cluster/core/operation.js';
import { supersede } from '../cluster/core/version.js';
import type { Node } from '../cluster/node.js';
import type { KeyRecord, VersionType } from '../storage/record.js';
import { WriterTable, writerId } from '../storage/writers.js';
import { ClientState } from './client.js';
import { type CommandSpec, NO_KEYS } from './commands/spec.js';
import { getCommands } from './commands/strings/get.js';
import { setCommands } from './commands/strings/set.js';
import { CommandTable } from './commands/table.js';
import { ExecRun, fingerprint } from './exec-run.js';
import { Executor } from './executor.js';
import { ConflictPolicies } from './policies/conflict-policies.js';
import type { ServerContext } from './server-context.js';
import { Transaction } from './transaction.js';

const NOW = 1_700_000_000_000;
const SETTINGS = { db: 0, resp: 2, readLevel: 0, writeLevel: 0 } as const;

let ticks = 0;
/** Has no keys, and tells how often it has run. */
const tick: CommandSpec = {
  name: 'tick',
  arity: 1,
  flags: [],
  keys: NO_KEYS,
  since: '0.1.0',
  group: 'server',
  summary: '',
  complexity: '',
  syntax: '',
  run: ({ reply }) => reply.integer(++ticks),
};

/** A register that loses its first tries, and meanwhile others may write. */
class UnluckyRegister {
  readonly writers = new WriterTable();
  readonly records = new Map<string, KeyRecord>();
  /** Before each try but the last. */
  beforeAgain: (() => void)[] = [];
  private made = new Map<string, KeyRecord>();
  private hlc = 0;
  private readonly writer = this.writers.index(writerId('ab'.repeat(16), 0));

  begin(operation: Operation): void {
    for (const lose of [...this.beforeAgain, undefined]) {
      this.made = new Map();
      for (const place of operation.places) place.found = this.records.get(place.key) ?? null;
      operation.run();
      lose?.();
    }
    for (const [key, record] of this.made) this.records.set(key, record);
    operation.finish(null);
  }

  write(operation: Operation, index: number, type: VersionType, payload: string, expireAt: number): void {
    const place = operation.places[index];
    place.found = this.version(place.found, type, payload, expireAt);
    this.made.set(place.key, place.found);
  }

  /** Somebody else's write. */
  put(key: string, payload: string): void {
    this.records.set(key, this.version(this.records.get(key) ?? null, 1, payload, 0));
  }

  private version(old: KeyRecord | null, type: VersionType, payload: string, expireAt: number): KeyRecord {
    return supersede(old, this.writer, ++this.hlc, type, payload, expireAt, this.writers);
  }
}

function start(): {
  register: UnluckyRegister;
  executor: Executor;
  client: ClientState;
  table: CommandTable;
} {
  const register = new UnluckyRegister();
  const table = new CommandTable([...setCommands, ...getCommands, tick]);
  const server = {
    table,
    policies: new ConflictPolicies([], () => {}),
    stats: { hits: 0, misses: 0 },
    physicalDatabases: () => [0],
    topology: () => ({ members: [1, 2, 3] }),
    nowMs: () => NOW,
  } as unknown as ServerContext;
  const node = { coordinator: register } as unknown as Node;
  const executor = new Executor(server, node, () => null);
  const client = new ClientState(
    1,
    '',
    '',
    NOW,
    false,
    () => {},
    () => ({ output: 0, input: 0 }),
  );
  client.transaction = new Transaction(client, executor);
  return { register, executor, client, table };
}

describe('a command whose first tries were certainly not applied', () => {
  function run(line: string, lost: readonly (() => void)[], given = start()): string {
    const { register, executor, client, table } = given;
    const argv = line.split(' ');
    const call = executor.newCall();
    let ran = 0;
    let reply = '';
    const owner = {
      ran: () => void ran++,
      finished: () => {
        reply += call.reply.take();
      },
    };
    call.init(argv, table.lookup(argv[0])!, client, owner, NOW);
    expect(call.serial).toBe(true);
    call.takeKey(argv[1]);
    register.beforeAgain = [...lost];
    register.begin(call);
    expect(ran).toBe(1);
    return reply;
  }

  it('is answered once, by what the last try found', () => {
    const given = start();
    const { register } = given;
    expect(run('SET k mine NX', [() => {}, () => {}], given)).toBe('+OK\r\n');
    expect(run('GETSET k more', [() => register.put('k', 'theirs')], given)).toBe('$6\r\ntheirs\r\n');
  });

  it('may find that it has lost', () => {
    const given = start();
    expect(run('SET k mine NX', [() => given.register.put('k', 'theirs')], given)).toBe('$-1\r\n');
    expect(given.register.records.get('k')?.siblings[0].payload).toBe('theirs');
  });

  it('holds up what comes after it until then', () => {
    const { register, executor, client, table } = start();
    const call = executor.newCall();
    const told: string[] = [];
    const owner = { ran: () => void told.push('ran'), finished: () => void told.push('finished') };
    call.init(['SETNX', 'k', 'v'], table.lookup('setnx')!, client, owner, NOW);
    call.takeKey('k');
    register.beforeAgain = [() => expect(told).toEqual([])];
    register.begin(call);
    expect(told).toEqual(['ran', 'finished']);
  });
});

describe('a transaction whose first tries were certainly not applied', () => {
  type Given = ReturnType<typeof start>;

  function exec(given: Given, lines: readonly string[], watched: readonly string[] = []): unknown {
    const { register, executor, client, table } = given;
    const queued = lines.map((line) => {
      const argv = line.split(' ');
      return { argv, row: table.lookup(argv[0])!, db: 0 };
    });
    const watches = watched.map((key) => ({
      db: 0,
      key,
      state: fingerprint(register.records.get(key) ?? null, NOW, register.writers),
    }));
    let outcome: unknown = 'none';
    const settings = { ...SETTINGS, writeLevel: SERIAL };
    const run = new ExecRun(executor, client, settings, queued, watches, NOW, (end) => {
      outcome = end;
    });
    expect(run.serial).toBe(true);
    run.start();
    return outcome;
  }

  it('has one reply per command, of the last try; what has no keys runs once', () => {
    const given = start();
    given.register.beforeAgain = [() => given.register.put('k', 'theirs'), () => {}];
    ticks = 0;
    expect(exec(given, ['SET k mine NX', 'TICK', 'GET k', 'TICK'])).toEqual([
      '$-1\r\n',
      ':1\r\n',
      '$6\r\ntheirs\r\n',
      ':2\r\n',
    ]);
  });

  it('sees what its own commands before have written, and nothing of a try before', () => {
    const given = start();
    given.register.beforeAgain = [() => {}];
    expect(exec(given, ['SETNX k a', 'GETSET k b', 'GETDEL k', 'SET k c NX', 'GET k'])).toEqual([
      ':1\r\n',
      '$1\r\na\r\n',
      '$1\r\nb\r\n',
      '+OK\r\n',
      '$1\r\nc\r\n',
    ]);
    expect(given.register.records.get('k')?.siblings[0].payload).toBe('c');
  });

  it('is refused when a watched key has changed before the last try, and then has done nothing', () => {
    const given = start();
    given.register.beforeAgain = [() => given.register.put('k', 'theirs')];
    ticks = 0;
    expect(exec(given, ['SET k mine', 'TICK'], ['k'])).toBe(null);
    expect([ticks, given.register.records.get('k')?.siblings[0].payload]).toEqual([0, 'theirs']);
  });
});
