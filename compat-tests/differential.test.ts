import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stepsOf } from './cases/script.js';
import { compare, report, type Servers } from './differential/compare.js';
import { sequenceOf } from './differential/generator.js';
import { remembered } from './differential/remembered.js';
import type { RespConnection } from './harness/connection.js';
import { RedisServer, RingCluster } from './harness/servers.js';

/** Of each kind of server and protocol. `DIFFERENTIAL_SEED` and `DIFFERENTIAL_SEQUENCES` play others. */
const SEQUENCES = Number(process.env['DIFFERENTIAL_SEQUENCES'] ?? 1000);
const FIRST_SEED = Number(process.env['DIFFERENTIAL_SEED'] ?? 1);
const DIFFERENCES_SHOWN = 5;

interface Setup {
  readonly title: string;
  readonly count: number;
  readonly keyspace: boolean;
  /** Of `SEQUENCES`. */
  readonly share: number;
  readonly settings: Record<string, string>;
  /** Every command with keys goes through a register. */
  readonly serial?: true;
}

describe.each<Setup>([
  { title: 'a node alone', count: 1, keyspace: true, share: 1, settings: {} },
  { title: 'three nodes', count: 3, keyspace: false, share: 1, settings: {} },
  {
    title: 'three nodes, writes on all',
    count: 3,
    keyspace: true,
    share: 0.5,
    settings: { 'write-quorum': 'all' },
  },
  { title: 'three nodes, all at SERIAL', count: 3, keyspace: false, share: 0.1, settings: {}, serial: true },
])(
  'random commands get what redis-server answers: $title',
  ({ count, keyspace, share, settings, serial }) => {
    const alone = count === 1;
    const sequences = SEQUENCES * share;
    let redis: RedisServer;
    let cluster: RingCluster;

    beforeAll(async () => {
      redis = await RedisServer.start('--databases', '16');
      cluster = await RingCluster.start(count, settings);
    });
    afterAll(async () => {
      await Promise.all([redis.stop(), cluster.stop()]);
    });

    async function connectTo(node: number): Promise<RespConnection> {
      const connection = await cluster.nodes[node % count].connect();
      if (serial) await connection.command('KV.CONSISTENCY', 'READ', 'SERIAL', 'WRITE', 'SERIAL');
      return connection;
    }

    const serversFor = (resp: 2 | 3, node: number): Servers => ({
      redis: () => redis.connect(),
      ringkv: () => connectTo(node),
      resp,
      refusesCrossSlot: !alone,
    });

    it.each(Object.entries(remembered))('%s', async (_, script) => {
      const commands = stepsOf(script).map(({ argv }) => argv);
      for (let time = 0; time < 12; time++)
        expect(await compare(commands, serversFor(2, time))).toEqual({ kind: 'same' });
    });

    it.each([2, 3] as const)('RESP%i', { timeout: 120_000 }, async (resp) => {
      const different: string[] = [];
      let crossSlot = 0;
      for (let n = 0; n < sequences && different.length < DIFFERENCES_SHOWN; n++) {
        const seed = FIRST_SEED + n * 2 + (resp - 2);
        const oneSlot = !alone && (serial === true || seed % 3 > 0);
        const sequence = sequenceOf(seed, { oneSlot, alone, keyspace });
        const servers = serversFor(resp, seed % 7);
        const outcome = await compare(sequence.commands, servers);
        if (outcome.kind === 'cross slot') crossSlot++;
        if (outcome.kind === 'different') different.push(await report(sequence, servers));
      }
      expect(different.join('\n\n')).toBe('');
      // At SERIAL also what would be cut per key.
      expect(crossSlot).toBeLessThan(3 + sequences / (serial ? 5 : 10));
    });
  },
);
