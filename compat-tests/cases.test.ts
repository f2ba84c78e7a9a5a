import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { families } from './cases/index.js';
import { differences } from './cases/run.js';
import { RedisServer, RingCluster } from './harness/servers.js';

/** See `known-differences.ts`. */
const NOT_ON_CLUSTERS = new Set(['SWAPDB', 'RANDOMKEY, DBSIZE, WAIT', 'flush inside']);

// Where every replica has every write at once, so that commands about the whole database see it.
describe.each([
  { count: 1, settings: {} },
  { count: 3, settings: { 'write-quorum': 'all' } },
])('answers are those of redis-server, nodes: $count', ({ count, settings }) => {
  let redis: RedisServer;
  let cluster: RingCluster;

  beforeAll(async () => {
    redis = await RedisServer.start('--databases', '16');
    cluster = await RingCluster.start(count, settings as Record<string, string>);
  });
  afterAll(async () => {
    await Promise.all([redis?.stop(), cluster?.stop()]);
  });

  describe.each(Object.entries(families))('%s', (_, cases) => {
    const here = Object.entries(cases).filter(([title]) => count === 1 || !NOT_ON_CLUSTERS.has(title));
    describe.each(here)('%s', (_title, script) => {
      it.each([2, 3] as const)('RESP%i', async (resp) => {
        const found = await differences(
          script,
          resp,
          () => redis.connect(),
          (client) => cluster.nodes[client === 'A' ? 0 : count - 1].connect(),
        );
        expect(found.join('\n')).toBe('');
      });
    });
  });
});
