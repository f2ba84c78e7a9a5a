import { join } from 'node:path';
import { freePorts } from '../../compat-tests/harness/ports.js';
import { TestProcess } from '../../compat-tests/harness/process.js';
import { temporaryFolder } from '../../compat-tests/harness/servers.js';
import { GrpcConnection } from './grpc.js';
import { bytesAt, bytesField, fieldOf, numberField } from './protobuf.js';
import type { Store, StoreClient, Swap } from './store.js';

const HOST = '127.0.0.1';
const PUT = '/etcdserverpb.KV/Put';
const TXN = '/etcdserverpb.KV/Txn';
/** Field numbers of etcd's rpc.proto and kv.proto. */
const Txn = { compare: 1, success: 2, failure: 3, succeeded: 2, responses: 3 } as const;
const Compare = { target: 2, key: 3, value: 7 } as const;
const TARGET_VALUE = 3;
const Op = { range: 1, put: 2 } as const;
const Put = { key: 1, value: 2 } as const;
const Range = { key: 1, kvs: 2 } as const;
const KEY_VALUE_VALUE = 5;

/** An etcd cluster on this machine with its defaults: every write is in the synced log of a majority before it is answered. */
export async function startEtcd(count: number): Promise<Store> {
  const ports = await freePorts(count * 2);
  const folder = temporaryFolder();
  const peerUrl = (node: number): string => `http://${HOST}:${ports[count + node]}`;
  const numbers = Array.from({ length: count }, (_, node) => node);
  const members = numbers.map((node) => `node-${node + 1}=${peerUrl(node)}`).join(',');
  const processes = numbers.map((node) => {
    const clientUrl = `http://${HOST}:${ports[node]}`;
    const args = ['--name', `node-${node + 1}`, '--data-dir', join(folder.path, `node-${node + 1}`)];
    args.push('--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl);
    args.push('--listen-peer-urls', peerUrl(node), '--initial-advertise-peer-urls', peerUrl(node));
    args.push('--initial-cluster', members, '--initial-cluster-state', 'new', '--log-level', 'info');
    return new TestProcess('etcd', args);
  });
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((one) => one.stop('SIGKILL')));
    folder.remove();
  };
  try {
    await Promise.all(processes.map((one) => one.says(/ready to serve client requests/)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: 'etcd',
    ports: ports.slice(0, count),
    pids: processes.map(({ pid }) => pid),
    client: (n) => EtcdClient.open(ports[n % count]),
    stop,
  };
}

class EtcdClient implements StoreClient {
  private constructor(private readonly connection: GrpcConnection) {}

  static async open(port: number): Promise<EtcdClient> {
    return new EtcdClient(await GrpcConnection.open(HOST, port));
  }

  async put(key: string, value: string): Promise<void> {
    await this.connection.call(PUT, putRequest(key, value));
  }

  async swap(key: string, expected: string, value: string): Promise<Swap> {
    const answer = await this.connection.call(TXN, txnRequest(key, expected, value));
    if (fieldOf(answer, Txn.succeeded) === 1) return { swapped: true, current: value };
    const found = bytesAt(answer, Txn.responses, Op.range, Range.kvs, KEY_VALUE_VALUE);
    return { swapped: false, current: found?.toString('latin1') ?? null };
  }

  close(): void {
    this.connection.close();
  }
}

function putRequest(key: string, value: string): Buffer {
  return Buffer.concat([bytesField(Put.key, latin1(key)), bytesField(Put.value, latin1(value))]);
}

/** If the value is the expected one then put the new one, else get what is there. */
function txnRequest(key: string, expected: string, value: string): Buffer {
  const compare = Buffer.concat([
    numberField(Compare.target, TARGET_VALUE),
    bytesField(Compare.key, latin1(key)),
    bytesField(Compare.value, latin1(expected)),
  ]);
  return Buffer.concat([
    bytesField(Txn.compare, compare),
    bytesField(Txn.success, bytesField(Op.put, putRequest(key, value))),
    bytesField(Txn.failure, bytesField(Op.range, bytesField(Range.key, latin1(key)))),
  ]);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
