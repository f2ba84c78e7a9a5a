import { ReplyWriter, type RespVersion } from '../resp/reply.js';
import type { Call, CommandSpec, Value } from './spec.js';

/**
 * Runs command rows on a plain Map, for unit tests of a family beside its file. The real execution path (fetch, version,
 * replicate) is tested in `cluster/` and against redis-server in `compat-tests/`.
 */
export class TestBench {
  private readonly dbs = Array.from({ length: 16 }, () => new Map<string, Value>());
  private readonly rows = new Map<string, CommandSpec>();

  constructor(
    specs: readonly CommandSpec[],
    public now = 1_700_000_000_000,
    public db = 0,
  ) {
    for (const spec of specs) this.rows.set(spec.name, spec);
  }

  /** The reply's bytes. */
  run(argv: readonly string[], resp: RespVersion = 2): string {
    const reply = new ReplyWriter(resp);
    const row = this.rows.get(argv[0].toLowerCase());
    if (!row) throw new Error(`no such command in this bench: ${argv[0]}`);
    const spec = row.subcommands?.find((sub) => sub.name.endsWith(`|${argv[1]?.toLowerCase()}`)) ?? row;
    if (spec.arity > 0 ? argv.length !== spec.arity : argv.length < -spec.arity) {
      return `-ERR wrong number of arguments for '${spec.name}' command\r\n`;
    }
    spec.run(this.call(argv, reply));
    const bytes = reply.take();
    return typeof bytes === 'string' ? bytes : bytes.join('');
  }

  private call(argv: readonly string[], reply: ReplyWriter): Call {
    const { dbs, now, db: current } = this;
    const read = (key: string, db = current): Value | undefined => {
      const value = dbs[db].get(key);
      return value && (value.expireAt === 0 || value.expireAt > now) ? value : undefined;
    };
    return {
      argv,
      now,
      db: current,
      reply,
      read,
      write: (key, payload, expireAt, db = current) => void dbs[db].set(key, { payload, expireAt }),
      increment: (key, amount, db = current) => {
        const { payload = '0', expireAt = 0 } = read(key, db) ?? {};
        dbs[db].set(key, { payload: String(BigInt(payload) + BigInt(amount)), expireAt });
      },
      keepUntil: (key, expireAt, db = current) => void dbs[db].set(key, { ...read(key, db)!, expireAt }),
      exists: (key, db = current) => read(key, db) !== undefined,
      remove: (key, db = current) => {
        const alive = read(key, db) !== undefined;
        dbs[db].delete(key);
        return alive;
      },
    };
  }
}
