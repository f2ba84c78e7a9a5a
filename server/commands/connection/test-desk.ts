import type { RepairControl } from '../../../cluster/core/anti-entropy/anti-entropy.js';
import type { RingControl } from '../../../cluster/core/elastic/ring-control.js';
import { RingMeter } from '../../../cluster/core/elastic/ring-meter.js';
import type { HandoffFigures } from '../../../cluster/core/handoff.js';
import type { MemberView, NodeLoad } from '../../../cluster/core/member-view.js';
import type { Topology } from '../../../cluster/core/topology.js';
import { ClientState } from '../../client.js';
import { Settings } from '../../config/settings.js';
import type { Executor } from '../../executor.js';
import { ReplyWriter } from '../../resp/reply.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import type { LinkView, ServerContext } from '../../server-context.js';
import { Tracking } from '../../tracking/tracking.js';
import { Transaction } from '../../transaction.js';
import { FakeKeyspace } from '../generic/server-bench.test-support.js';
import { CommandTable } from '../table.js';

/** Runs rows that ask for clients, settings or the topology, on a server that consists of nothing else. For tests. */
export class TestDesk {
  now = 1_700_000_000_000;
  topology: Topology | null = null;
  hints: readonly HandoffFigures[] | null = null;
  repair: RepairControl | null = null;
  views: MemberView[] = [];
  links: LinkView[] = [];
  ring: RingControl | null = null;
  loads: (NodeLoad | undefined)[] = [];
  /** Members that a change of the ring waits for. */
  holding: number[] = [];
  readonly settings: Settings;
  readonly clients = new Map<number, ClientState>();
  /** Arguments of each pause asked for. */
  readonly pauses: [untilMs: number, writesOnly: boolean][] = [];
  readonly tracking = new Tracking({
    client: (id) => this.clients.get(id),
    maxKeys: () => this.settings.values.trackingTableMaxKeys,
    plan: () => {},
    changes: { listen: () => {}, follow: () => {}, followAll: () => {} },
  });
  private readonly table: CommandTable;
  readonly server: ServerContext;

  constructor(specs: readonly ServerCommandSpec[], flags: Readonly<Record<string, string>> = {}) {
    this.settings = Settings.load({ flags, env: {} });
    this.table = new CommandTable(specs);
    this.server = {
      settings: this.settings,
      clients: this.clients,
      table: this.table,
      topology: () => this.topology,
      hints: () => this.hints,
      repair: () => this.repair,
      ring: () => this.ring,
      ringFigures: () => this.topology && new RingMeter().figures(this.topology, this.views, this.holding),
      loads: (done: (loads: readonly (NodeLoad | undefined)[]) => void) => done(this.loads),
      nowMs: () => this.now,
      memberViews: () => this.views,
      links: () => this.links,
      keyspace: new FakeKeyspace(['a', 'b', 'c']),
      tracking: this.tracking,
      pause: (untilMs: number, writesOnly: boolean) => this.pauses.push([untilMs, writesOnly]),
    } as unknown as ServerContext;
  }

  connect(): ClientState {
    const id = this.clients.size + 1;
    const client: ClientState = new ClientState(
      id,
      `127.0.0.1:${50_000 + id}`,
      '127.0.0.1:6379',
      this.now,
      this.settings.values.requirepass !== '',
      () => this.clients.delete(id),
      () => ({ output: 0, input: 0 }),
    );
    client.transaction = new Transaction(client, { server: this.server } as Executor);
    this.clients.set(id, client);
    return client;
  }

  /** The reply's bytes; refusals of the table included. */
  run(client: ClientState, ...argv: string[]): string {
    const row = this.table.resolve(argv);
    if (typeof row === 'string') return `-${row}\r\n`;
    client.lastCommand = row.spec.name;
    const reply = new ReplyWriter(client.resp);
    const { now, server } = this;
    const later = () => ({ reply, done: () => {} });
    row.spec.run({ argv, now, db: client.db, reply, client, server, later } as unknown as ServerCall);
    const bytes = reply.take();
    return typeof bytes === 'string' ? bytes : bytes.join('');
  }
}
