import { freePorts } from './ports.js';
import { RedisServer } from './servers.js';

const PATIENCE_MS = 20_000;

/** A real Redis Cluster of a test's own: two masters with half of the slots each, and a replica of the first. It says what is right. */
export class RedisCluster {
  private constructor(
    readonly masters: readonly [RedisServer, RedisServer],
    readonly replica: RedisServer,
  ) {}

  static async start(): Promise<RedisCluster> {
    const buses = await freePorts(3);
    const servers = await Promise.all(
      buses.map((bus) => RedisServer.start('--cluster-enabled', 'yes', '--cluster-port', String(bus))),
    );
    const [first, second, replica] = servers;
    const cluster = new RedisCluster([first, second], replica);
    try {
      await ask(first, 'CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
      await ask(second, 'CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
      for (const i of [1, 2])
        await ask(first, 'CLUSTER', 'MEET', '127.0.0.1', String(servers[i].port), String(buses[i]));
      for (const server of servers) await until(server, ['CLUSTER', 'INFO'], /cluster_state:ok/);
      const id = /[0-9a-f]{40}/.exec(await ask(first, 'CLUSTER', 'MYID'))![0];
      await until(replica, ['CLUSTER', 'REPLICATE', id], /OK|already/);
      await until(replica, ['INFO', 'replication'], /master_link_status:up/);
      for (const server of servers)
        await until(server, ['CLUSTER', 'SLOTS'], new RegExp(`:${replica.port}\\r\\n`));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.masters, this.replica].map((server) => server.stop()));
  }
}

async function ask(server: RedisServer, ...argv: string[]): Promise<string> {
  const connection = await server.connect();
  const reply = await connection.command(...argv);
  connection.close();
  return reply;
}

async function until(server: RedisServer, argv: readonly string[], pattern: RegExp): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const reply = await ask(server, ...argv);
    if (pattern.test(reply)) return;
    if (Date.now() > deadline) throw new Error(`never ${pattern}: ${reply}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
