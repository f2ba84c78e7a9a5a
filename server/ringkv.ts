import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { Assembly } from '../cluster/assembly.js';
import { RingMeter } from '../cluster/core/elastic/ring-meter.js';
import { hlcFromMs } from '../cluster/core/hlc.js';
import { DEFAULT, type Level, parseLevel } from '../cluster/core/levels.js';
import { shapeObjection } from '../cluster/core/saved-ring.js';
import { isUnwritten } from '../cluster/core/unwritten.js';
import type { Node } from '../cluster/node.js';
import { LostClock } from '../cluster/saved-facts.js';
import { TcpTransport } from '../cluster/transport/tcp-transport.js';
import { Turn } from '../cluster/turn.js';
import { DamagedRow, jsonRow } from '../storage/checked-row.js';
import type { RecordStore } from '../storage/record-store.js';
import { BackPressure } from './back-pressure.js';
import { commandTable } from './commands/all.js';
import { SettingError, type Settings } from './config/settings.js';
import { BUS_PORT_OFFSET, type SettingName, type SettingValues } from './config/table.js';
import { Databases } from './databases.js';
import { wayOut } from './disk-health.js';
import { Executor } from './executor.js';
import { HotKeys } from './hot-keys/hot-keys.js';
import { HotReads } from './hot-keys/hot-reads.js';
import { infoSections } from './info-sections.js';
import { Listener } from './listener.js';
import { type OpenDatabase, openDatabase } from './open-database.js';
import { Pause } from './pause.js';
import { ConflictPolicies } from './policies/conflict-policies.js';
import { loadPolicies } from './policies/load-policies.js';
import { RemoteCommands } from './remote-commands.js';
import { DATABASES_ROW, readRows } from './saved-rows.js';
import type { ServerContext } from './server-context.js';
import { Stats } from './stats.js';
import { systemClock, systemRandom } from './system.js';
import { Tracking } from './tracking/tracking.js';

/** The exit code of a node that is no member of its cluster any more, and did not leave by itself. */
const EXIT_REMOVED = 3;
const TAKEN_OUT =
  'it was taken out of its cluster, which has gone on without it; to join again it needs an empty data folder';
const SYNC_EVERY_MS = 1000;
const SAMPLE_EVERY_MS = 100;
/** A question between nodes, with its number on the wire: frozen. Those of the keyspace are below it. */
const HOT_KEYS = 64;

/** A node that runs. */
export interface RunningServer {
  readonly port: number;
  /** 0 for a node alone: it does not listen for others. */
  readonly busPort: number;
  readonly node: Node;
  /** How long the start took. */
  readonly seconds: number;
  /** Answers what is under way, syncs, closes. */
  stop(): Promise<void>;
}

/**
 * The composition root: builds a node out of its parts and starts it. `exit` is called when a client asks for SHUTDOWN, when
 * the node is no member of its cluster any more, or when it cannot go on, `restart` when it can only go on after a stop and another start.
 */
export async function startServer(
  settings: Settings,
  log: Logger,
  exit: (code: number, reason: string) => void,
  restart: (reason: string) => void,
): Promise<RunningServer> {
  const { values } = settings;
  const beganAt = performance.now();
  refuseOpenDoor(values);
  const database = await openDatabase(values, log);
  const { folder, engine } = database;
  try {
    return await assemble(settings, log, exit, restart, database, beganAt);
  } catch (error) {
    const isLost = error instanceof LostClock;
    const isDamaged = error instanceof DamagedRow && !isLost;
    await engine.close();
    if (isDamaged) await folder.markDamaged(error.message);
    // Nothing was served, so the next start need not think that something was lost.
    if (!isLost) await folder.markClean();
    await folder.close();
    if (isLost) log.error(`${error.message}; starting again under a new incarnation`);
    // The next time it is rebuilt, or goes by what is noted now.
    if (isLost || (isDamaged && values.rebuild)) return startServer(settings, log, exit, restart);
    throw isDamaged ? new Error(`${error.message}; ${wayOut(values.seeds.length === 0)}`) : error;
  }
}

async function assemble(
  settings: Settings,
  log: Logger,
  exit: (code: number, reason: string) => void,
  restart: (reason: string) => void,
  { folder, engine, health }: OpenDatabase,
  beganAt: number,
): Promise<RunningServer> {
  const { values } = settings;
  const saved = await readRows(engine, hlcFromMs(systemClock.now() + values.maxClockDrift));
  const objection = saved.facts.ring && shapeObjection(saved.facts.ring, values);
  if (objection) throw new SettingError(objection);
  const policies = new ConflictPolicies(await loadPolicies(values.conflictPolicy), (rule, key, error) =>
    log.error(
      { err: error, key, pattern: rule.pattern, policy: rule.policy },
      'versions could not be merged',
    ),
  );

  const turn = new Turn(systemClock);
  const backPressure = new BackPressure(
    () => store.gatheringBytes,
    () => values.maxPendingWriteBytes,
    () => listener.wakeAll(),
  );

  const readQuorum = levelSetting(settings, 'read-quorum', () => values.readQuorum);
  const writeQuorum = levelSetting(settings, 'write-quorum', () => values.writeQuorum);
  const transport = new TcpTransport({
    nodeId: folder.nodeId,
    secret: values.clusterSecret,
    clock: systemClock,
    random: systemRandom,
    log,
    limits: {
      heartbeatMs: values.heartbeatInterval,
      heartbeatTimeoutMs: values.heartbeatTimeout,
      maxFrameBytes: values.busMaxFrameBytes,
    },
  });
  // What others know it by it goes on listening to, whatever seeds are given now.
  const hasMet = saved.facts.ring?.members.some(({ busAddress }) => !busAddress.endsWith(':0')) === true;
  const alone = values.seeds.length === 0 && !hasMet;
  const announced = announcedHost(values, alone);
  const busPort = alone ? 0 : await transport.listen(values.host, busPortOf(values));
  let clientPort = values.port;
  const cluster = new Assembly({
    settings: {
      replicas: values.replicas,
      vnodes: values.vnodes,
      sloppy: values.sloppy,
      databases: values.databases,
      rack: values.rack,
      weight: values.weight,
      readQuorum,
      writeQuorum,
      requestTimeout: () => values.requestTimeout,
      maxRequests: () => values.maxRequests,
      maxLag: () => values.maxLag,
      maxClockDrift: () => values.maxClockDrift,
      heartbeatInterval: values.heartbeatInterval,
      phiThreshold: () => values.phiThreshold,
      gossipInterval: () => values.gossipInterval,
      cacheSize: () => values.cacheSize,
      appendfsync: () => values.appendfsync,
      gcGrace: () => values.gcGrace * 1000,
      hintThrottle: () => values.hintThrottle,
      hintWindow: () => values.hintWindow,
      maxQuarantineBytes: () => values.maxQuarantineBytes,
      turnWriteBytes: () => values.turnWriteBytes,
      maxHintsBytes: () => values.maxHintsBytes,
      maxSiblings: () => values.maxSiblings,
      repairInterval: () => values.repairInterval,
      repairThrottle: () => values.repairThrottle,
      streamThrottle: () => values.streamThrottle,
      streamShare: () => values.streamShare,
    },
    engine,
    transport,
    clock: systemClock,
    random: systemRandom,
    log,
    turn,
    nodeId: folder.nodeId,
    incarnation: folder.incarnation,
    life: folder.life,
    lostSome: () => folder.outlive({ life: folder.life, incarnation: folder.incarnation }),
    removed: (left) => (left ? exit(0, 'it has left the cluster') : exit(EXIT_REMOVED, TAKEN_OUT)),
    replaces: values.replace,
    outlived: (by) => {
      folder.outlive(by);
      restart(
        'its data folder is older than what other nodes have seen of it: it goes on under a new incarnation',
      );
    },
    firstRequest: 1 + Math.floor(systemRandom.next() * 0xfffffffe),
    seeds: values.seeds,
    busAddress: `${announced}:${busPort}`,
    clientAddress: () => `${announced}:${clientPort}`,
    saved: saved.facts,
  });
  const { store, counts, node } = cluster;
  turn.addStage('disk', () => backPressure.drained());
  const keyspace = new Databases(values.databases, saved.databases, cluster.keyspace, {
    maySwap: () => node.ready && node.topology.alone,
    save: (mapping, done) => {
      store.putRow(DATABASES_ROW, jsonRow(mapping));
      store.whenSettled((error) => {
        done(
          error === null ? null : `MISCONF Errors writing to disk: ${error.message}; a restart may undo it`,
        );
      });
    },
  });

  const tracking = new Tracking({
    client: (id) => listener.clients.get(id),
    maxKeys: () => values.trackingTableMaxKeys,
    plan: () => turn.plan(),
    changes: cluster.changes,
  });
  turn.addStage('clients', () => tracking.flush());
  const ringMeter = new RingMeter();
  const hotKeys = new HotKeys(systemRandom, {
    peers: () => (node.ready ? node.topology.peers : []),
    ask: (peer, done) => node.query(peer, HOT_KEYS, '', (answer) => done(answer)),
  });
  const hotReads = new HotReads({
    cacheMs: () => values.hotKeyCacheMs,
    maxBytes: () => values.hotKeyCacheSize,
    elapsedMs: systemClock.elapsed,
  });
  cluster.changes.onFlushed = () => hotReads.clear();
  // While it is off nobody tells it of writes.
  settings.onChange('hot-key-cache-ms', () => hotReads.clear());
  const pause = new Pause(systemClock, () => listener.wakeAll());
  const server: ServerContext = {
    settings,
    table: commandTable(),
    get clients() {
      return listener.clients;
    },
    stats: new Stats(values, () => performance.now(), systemClock.now),
    keyspace,
    policies,
    tracking,
    hotKeys,
    hotReads,
    physicalDatabases: () => keyspace.physical,
    startedMs: systemClock.now(),
    runId: randomBytes(20).toString('hex'),
    writers: cluster.writers,
    infoSections: () =>
      infoSections({
        server,
        node,
        store,
        engine,
        counts,
        siblings: cluster.siblings,
        sweeper: cluster.sweeper,
        hints: cluster.hints,
        handoff: cluster.handoff,
        reaper: cluster.reaper,
        damaged: cluster.damaged,
        repair: cluster.repair,
        pace: cluster.pace,
        registers: cluster.registers,
        memory: cluster.memory,
        quarantine: cluster.quarantine,
        transport: transport.counters,
        nodeId: folder.nodeId,
        port: () => clientPort,
      }),
    preciseNow: () => performance.now(),
    nowMs: systemClock.now,
    setTimer: (ms, run) => void setTimeout(run, ms),
    pause: (untilMs, writesOnly) => pause.until(untilMs, writesOnly),
    execute: (client, argv, at, done) => executor.execute(client, argv, at, done),
    topology: () => (node.ready ? node.topology : null),
    repair: () => (node.ready ? cluster.repair : null),
    ring: () => (node.ready ? cluster.control : null),
    ringFigures: () =>
      node.ready ? ringMeter.figures(node.topology, cluster.gossip.views(), cluster.driver.holding) : null,
    loads: (done) => cluster.loads.ask(done),
    hints: () => (node.ready ? cluster.handoff.figures() : null),
    memberViews: () => cluster.gossip.views(),
    links: () =>
      transport.openLinks().map(({ since, ...link }) => ({
        ...link,
        sinceMs: Math.round(systemClock.now() - (systemClock.elapsed() - since)),
      })),
    writeReplicas: (client) => executor.writeReplicas(client),
    shutdown: () => exit(0, 'SHUTDOWN'),
  };
  const executor = new Executor(server, node, () => cluster.joining.waitsFor);
  const listener: Listener = new Listener({
    server,
    executor,
    turn,
    holdUp: (isWrite) => node.settling || pause.holds(isWrite) || (isWrite && backPressure.holds()),
  });
  node.addPart({ messages: [], onMessage: () => false, formed: () => listener.wakeAll() });
  // Before the node talks to others: from then on nothing may fail, or dots would have been issued by a start that failed.
  clientPort = await listener.listen(values.host, values.port, values.tcpBacklog);
  const remote = new RemoteCommands(executor);
  cluster.start(
    (payload, deadline, reply) => remote.run(payload, deadline, reply),
    (question) => (question === HOT_KEYS ? hotKeys.tell() : null),
  );
  const secondTimer = setInterval(() => {
    syncEverySecond(values.appendfsync, store, log);
    listener.closeIdle();
    health.check(engine.health());
    if (node.ready) ringMeter.sample(systemClock.elapsed(), node.topology, cluster.gossip.views());
  }, SYNC_EVERY_MS);
  const sampleTimer = setInterval(() => {
    server.stats.sample();
    hotKeys.tick(systemClock.elapsed());
    hotReads.tick();
  }, SAMPLE_EVERY_MS);

  const stop = async (): Promise<void> => {
    clearInterval(secondTimer);
    clearInterval(sampleTimer);
    // The others first: what own clients still ask is best done without them turning to this node.
    const retired = new Promise<void>((resolve) => cluster.retire(resolve));
    await Promise.all([retired, listener.drain(values.shutdownTimeout * 1000, () => otherNode(node))]);
    cluster.stop();
    await transport.close();
    await saveFacts(cluster);
    await engine.close();
    if (store.count(isUnwritten) === 0) await folder.markClean();
    await folder.close();
  };
  return { port: clientPort, busPort, node, seconds: (performance.now() - beganAt) / 1000, stop };
}

/** Where clients find another node that lives, by chance so that they spread; null: there is none. */
function otherNode({ ready, topology }: Node): string | null {
  const others = ready ? topology.peers.filter((peer) => topology.alive[peer] === 1) : [];
  const chosen = others[Math.floor(systemRandom.next() * others.length)];
  return chosen === undefined ? null : topology.members[chosen].clientAddress;
}

/** A level that is asked for with every command: parsed only when it was changed. */
function levelSetting(settings: Settings, name: SettingName, text: () => string): () => Level {
  let level = parseLevel(text()) ?? DEFAULT;
  settings.onChange(name, () => {
    level = parseLevel(text()) ?? DEFAULT;
  });
  return () => level;
}

/** Without a password only this machine may come in, unless told otherwise (Redis's protected mode). */
function refuseOpenDoor({ host, requirepass, protectedMode }: SettingValues): void {
  if (!protectedMode || requirepass !== '' || /^(localhost|127\..*|::1)$/.test(host)) return;
  throw new Error(
    `host is ${host}, so anybody who reaches this machine could read and write: set requirepass, or protected-mode no`,
  );
}

/** How others reach this node. */
function announcedHost({ host, announceHost }: SettingValues, alone: boolean): string {
  if (announceHost !== '') return announceHost;
  if (!alone && /^[0.:]+$/.test(host))
    throw new SettingError(
      `host is ${host}, which is all addresses of this machine and none by which others reach it: set announce-host`,
    );
  return host;
}

function busPortOf({ busPort, port }: SettingValues): number {
  if (busPort !== -1) return busPort;
  return port === 0 ? 0 : port + BUS_PORT_OFFSET;
}

function syncEverySecond(mode: string, store: RecordStore, log: Logger): void {
  if (mode !== 'everysec') return;
  store.sync((error) => {
    if (error) log.error({ err: error }, 'the log could not be synced to disk');
  });
}

function saveFacts(cluster: Assembly): Promise<void> {
  return new Promise((resolve, reject) => {
    cluster.saveFacts((error) => (error ? reject(error) : resolve()));
  });
}
