import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repliesOf } from './cases/run.js';
import { RedisServer, RingCluster } from './harness/servers.js';
import { knownDifferences } from './known-differences.js';

describe.each([1, 3])('what differs on purpose still differs as told, nodes: %i', (count) => {
  let redis: RedisServer;
  let cluster: RingCluster;

  beforeAll(async () => {
    redis = await RedisServer.start();
    cluster = await RingCluster.start(count);
  });
  afterAll(async () => {
    await Promise.all([redis?.stop(), cluster?.stop()]);
  });

  const here = knownDifferences.filter((one) => (one.cluster === true) === count > 1);
  it.each(here.map((one) => [one.what, one] as const))('%s', async (_, { script, redis: theirs, ringkv }) => {
    const redisReplies = await repliesOf(script, 2, () => redis.connect());
    const ringReplies = await repliesOf(script, 2, () => cluster.nodes[0].connect());
    expect(redisReplies.at(-1)).toMatch(theirs);
    expect(ringReplies.at(-1)).toMatch(ringkv);
    expect(ringReplies.at(-1)).not.toBe(redisReplies.at(-1));
  });
});
