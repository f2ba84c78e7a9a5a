import type { Coordinator } from '../cluster/core/coordinator.js';
import { DEFAULT, type Level, parseLevel, replicasNeeded } from '../cluster/core/levels.js';
import type { Node } from '../cluster/node.js';
import type { ClientState } from './client.js';
import { type CallOwner, CommandCall } from './command-call.js';
import type { KeyRef } from './commands/spec.js';
import { Errors } from './errors.js';
import { startFanout } from './fanout.js';
import { ForwardedCall } from './forwarded-call.js';
import { Redirects } from './redirects.js';
import type { ReplyBytes } from './resp/reply.js';
import type { ServerContext } from './server-context.js';

/** ONE: of which this node, being a home replica, is the one. */
const ONE: Level = 1;
const THIS_REPLICA = ONE;

/** Takes a checked command to where it has to run: here, on its keys' coordinator, or in parts on several. */
export class Executor {
  readonly redirects: Redirects;

  constructor(
    readonly server: ServerContext,
    readonly node: Node,
    /** Why this node is no member yet of the cluster it has met; null: it is one, or has met none. */
    private readonly joinWaitsFor: () => string | null,
  ) {
    this.redirects = new Redirects(server);
  }

  get coordinator(): Coordinator {
    return this.node.coordinator;
  }

  /** While seeds are missing nothing is served: two halves that each thought they were the cluster would differ for ever. */
  get formingText(): string {
    const why = this.joinWaitsFor();
    return why === null
      ? `CLUSTERDOWN The cluster is forming, waiting for ${this.node.missing.join(', ') || 'the other members to agree'}`
      : `CLUSTERDOWN This node is not a member of the cluster yet: ${why}`;
  }

  newCall(): CommandCall {
    return new CommandCall(this.server, this.coordinator);
  }

  /** One command outside the order of its session's others, at a level of its own. */
  execute(
    client: ClientState,
    argv: readonly string[],
    level: Level,
    done: (reply: ReplyBytes) => void,
  ): void {
    const row = this.server.table.resolve(argv);
    const call = this.newCall();
    const owner: CallOwner = { ran: () => {}, finished: () => done(call.reply.take()) };
    call.init(
      argv,
      typeof row === 'string' ? this.server.table.none : row,
      client,
      owner,
      this.server.nowMs(),
    );
    call.takeLevels({ readLevel: level, writeLevel: level });
    if (typeof row === 'string') call.finish(row);
    else this.start(call);
  }

  /** Replicas that must have a write of this client before it is acknowledged. */
  writeReplicas(client: ClientState): number {
    const { n } = this.node.topology;
    return replicasNeeded(
      client.writeLevel,
      n,
      parseLevel(this.server.settings.values.writeQuorum) ?? DEFAULT,
    );
  }

  /** The call's owner hears of its end, perhaps before this returns. */
  start(call: CommandCall): void {
    const { row } = call;
    if (!row.fetchesKeys) {
      call.runWithoutKeys();
      return;
    }
    if (!this.node.ready) {
      call.finish(this.formingText);
      return;
    }
    const refusal = this.node.refusal(call.startedAt);
    if (refusal === null) this.startAdmitted(call);
    else call.finish(refusal);
  }

  /** A call with keys that has been let in, or a part of one. */
  startAdmitted(call: CommandCall): void {
    const { row } = call;
    if (row.oneKey) call.takeKey(call.argv[1]);
    else if (!this.takeKeys(call)) return;
    if (call.client.readonlyMode) this.readHere(call);
    if (!row.isWrite) this.countReads(call);
    const { topology } = this.node;
    if (this.server.hotReads.on && !topology.alone && this.answersHot(call)) return;
    if (call.remembered && !topology.alone) this.expectChanges(call);
    if (topology.alone || !(row.isWrite || call.serial)) {
      this.coordinator.begin(call);
      return;
    }
    if (call.count > 1) {
      if (row.spec.fanout !== undefined && !call.serial) return startFanout(this, call);
      if (!call.inOneSlot) return call.finish(Errors.crossSlot);
    }
    this.startOnCoordinator(call);
  }

  private countReads({ db, places, count }: CommandCall): void {
    const { counts } = this.server.hotKeys;
    for (let i = 0; i < count; i++) counts.read(db, places[i].key);
  }

  /** Whether what is left of an earlier answer serves: a read of a hot key at ONE, of which other nodes are the homes. */
  private answersHot(call: CommandCall): boolean {
    const { hotKeys, hotReads } = this.server;
    if (call.isWrite) {
      hotReads.written(call);
      call.endsHotReads = true;
      return false;
    }
    const [place] = call.places;
    if (call.count !== 1 || !hotKeys.isHot(call.db, place.key)) return false;
    if (call.serial || call.remembered || this.node.topology.isHome[place.slot] === 1) return false;
    if (this.readLevel(call) !== ONE) return false;
    const record = hotReads.find(place.db, place.key);
    if (record === undefined) {
      call.hotSince = hotReads.nowMs;
      call.hotStamp = hotReads.stampOf(place.slot);
      return false;
    }
    place.found = record;
    call.run();
    call.finish(null);
    return true;
  }

  private readLevel({ readLevel }: CommandCall): Level {
    return readLevel === DEFAULT
      ? (parseLevel(this.server.settings.values.readQuorum) ?? DEFAULT)
      : readLevel;
  }

  private expectChanges({ client, places, count }: CommandCall): void {
    const { tracking } = this.server;
    for (let i = 0; i < count; i++) tracking.expect(client, places[i].key, places[i].slot);
  }

  private takeKeys(call: CommandCall): boolean {
    const keys: readonly KeyRef[] = call.row.keysOf(call.argv, call.db);
    if (keys.length === 0) {
      // Its own handler knows what is wrong with the arguments.
      call.runWithoutKeys();
      return false;
    }
    call.takeKeys(keys);
    return true;
  }

  /** After READONLY a home replica answers by itself, as a replica does in Redis; a level the client has chosen counts more. */
  private readHere(call: CommandCall): void {
    if (call.isWrite || call.serial || call.readLevel !== DEFAULT) return;
    const { topology } = this.node;
    for (let i = 0; i < call.count; i++) if (!topology.isSource(call.places[i].slot)) return;
    call.readLevel = THIS_REPLICA;
  }

  private startOnCoordinator(call: CommandCall): void {
    const { forwarder } = this.node;
    // What goes through a register may have to go on elsewhere.
    if (!call.serial && forwarder.runsHere(call.places[0].slot)) this.coordinator.begin(call);
    else forwarder.start(new ForwardedCall(this, call));
  }
}
