import { spawnSync } from 'node:child_process';

/** Debian has redis-py for its own Python only; undefined: there is none. */
export const python = ['python3', '/usr/bin/python3'].find(
  (program) => spawnSync(program, ['-c', 'import redis.cluster']).status === 0,
);
if (python === undefined)
  console.warn('redis-py is not tested: no python3 with it (Debian: apt-get install python3-redis)');

/** Work for `ToldWork`. Arguments: the ports of nodes. */
export const PYTHON_WORK = `
import logging, sys, time
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import ConnectionError, RedisClusterException, TimeoutError
logging.disable(logging.CRITICAL)
def opened(**more):
    return RedisCluster(startup_nodes=[ClusterNode('127.0.0.1', int(port)) for port in sys.argv[1:]], **more)
keys = ['key:%d:py' % i for i in range(200)]
client = opened()
for key in keys: client.set(key, 'of ' + key)
replicas = opened(read_from_replicas=True)
def arrives(key):
    for _ in range(200):
        if replicas.get(key) == ('of ' + key).encode(): return True
        time.sleep(0.01)
for key in keys: assert arrives(key)
did, broken, begun = 0, 0, 0
def hold(what, found, expected):
    assert found == expected, '%s: %r instead of %r' % (what, found, expected)
def work(count):
    if count % 5:
        key = keys[count % len(keys)]
        client.set(key, count)
        hold('get', client.get(key), str(count).encode())
        return
    some = [keys[(count + i) % len(keys)] for i in range(12)]
    value = b'of round %d' % count
    with client.pipeline() as pipe:
        for key in some: pipe.set(key, value).get(key)
        # A GET may overtake its SET when that is redirected: what was written is looked for afterwards.
        hold('pipeline', pipe.execute()[::2], [True] * len(some))
    # It asks for the keys of each slot apart.
    hold('mget', client.mget_nonatomic(some), [value] * len(some))
while True:
    begun += 1
    try:
        work(begun)
        did += 1
    except (ConnectionError, TimeoutError):
        broken += 1
    except (RedisClusterException, AttributeError):
        # redis-py 4.3 stumbles over itself when a node that it has lost is one it asks for the slots: as with Redis.
        broken += 1
        client = opened()
    ports = ','.join(str(node.port) for node in client.get_nodes())
    print('did %d broken %d knows %s' % (did, broken, ports), flush=True)
    time.sleep(0.005)
`;
