import { setTimeout as pause } from 'node:timers/promises';
import type { KeyLedger } from './ledger.js';
import { type Reply, RespClient } from './resp-client.js';
import type { Ring } from './ring.js';

const BATCH = 200;
const AGAIN_MS = 200;
const READ_PATIENCE_MS = 10_000;
const REPAIR_PATIENCE_MS = 60_000;

/** What is in the cluster after a fault, held against what clients were told. */
export interface Verdict {
  /** Keys of which some node reads neither the last acknowledged value nor a later attempted one: what it read. */
  readonly lost: readonly string[];
  /** Keys of which some node reads a value whose write was said not to be applied. */
  readonly untrue: readonly string[];
  /** Keys whose home replicas differed once the cluster was calm, before anything was read. */
  readonly differed: number;
  /** Keys whose home replicas differ after the repair. */
  readonly differing: readonly string[];
  readonly repairedBy: string;
}

/** Reads every key through every node, repairs, compares the replicas one by one, and reads again what was made of it. */
export async function verify(ring: Ring, ledgers: readonly KeyLedger[]): Promise<Verdict> {
  const clients = await Promise.all(ring.nodes.map((node) => RespClient.open(...node.address)));
  try {
    const differed = (await differing(ring, clients, ledgers)).length;
    const found = await objections(clients, ledgers);
    const repairedBy = await repair(clients, ledgers);
    const left = await waitUntilEqual(ring, clients, ledgers);
    for (const [key, objection] of await objections(clients, ledgers)) found.set(key, objection);
    const named = (kind: Objection['kind']): string[] =>
      [...found.values()].filter((one) => one.kind === kind).map(({ text }) => text);
    return { lost: named('lost'), untrue: named('refused'), differed, differing: left, repairedBy };
  } finally {
    for (const client of clients) client.close();
  }
}

interface Objection {
  readonly kind: 'lost' | 'refused';
  readonly text: string;
}

/** By key, what is wrong with what some node reads at QUORUM. */
async function objections(
  clients: readonly RespClient[],
  ledgers: readonly KeyLedger[],
): Promise<Map<string, Objection>> {
  const found = new Map<string, Objection>();
  for (const [node, client] of clients.entries()) {
    const replies = await all(client, ledgers, (ledger) => ['KV.AT', 'QUORUM', 'GET', ledger.key]);
    ledgers.forEach((ledger, i) => {
      const kind = ledger.judge(replies[i]);
      if (kind === 'right') return;
      const { key, acknowledged, attempted } = ledger;
      const text = `${key}: acknowledged #${acknowledged}, attempted #${attempted}, node ${node + 1} read ${replies[i]}`;
      found.set(key, { kind, text });
    });
  }
  return found;
}

/** Starts a repair at every node; a server that knows none repairs what is read at ALL. */
async function repair(clients: readonly RespClient[], ledgers: readonly KeyLedger[]): Promise<string> {
  const replies = await Promise.all(clients.map((client) => client.command('KV.REPAIR', 'all')));
  if (replies.every((reply) => !(reply instanceof Error))) return 'KV.REPAIR all';
  const refusal = replies.find((reply) => reply instanceof Error && !/unknown command/.test(reply.message));
  if (refusal !== undefined) throw new Error(`KV.REPAIR was refused: ${refusal}`);
  await all(clients[0], ledgers, (ledger) => ['KV.AT', 'ALL', 'GET', ledger.key]);
  return 'reads at ALL';
}

/** A repair is done when nothing differs any more; gives back what still does when that takes too long. */
async function waitUntilEqual(
  ring: Ring,
  clients: readonly RespClient[],
  ledgers: readonly KeyLedger[],
): Promise<string[]> {
  const deadline = performance.now() + REPAIR_PATIENCE_MS;
  for (;;) {
    const keys = await differing(ring, clients, ledgers);
    if (keys.length === 0 || performance.now() > deadline) return keys;
    await pause(AGAIN_MS);
  }
}

/** Keys whose home replicas do not hold the same versions. A read at ONE by a home replica answers from its own disk. */
async function differing(
  ring: Ring,
  clients: readonly RespClient[],
  ledgers: readonly KeyLedger[],
): Promise<string[]> {
  const places = await all(clients[0], ledgers, (ledger) => ['KV.WHERE', ledger.key]);
  const held = ledgers.map(() => new Set<string>());
  for (const [node, client] of clients.entries()) {
    const address = ring.nodes[node].address.join(':');
    const own = ledgers.filter((_, i) => (places[i] as readonly Reply[][])[1].includes(address));
    const replies = await all(client, own, (ledger) => ['KV.AT', 'ONE', 'KV.SIBLINGS', ledger.key]);
    const byLedger = new Map(own.map((ledger, i) => [ledger, replies[i]]));
    ledgers.forEach((ledger, i) => {
      if (byLedger.has(ledger)) held[i].add(versions(byLedger.get(ledger)!));
    });
  }
  return ledgers.filter((_, i) => held[i].size !== 1).map(({ key }) => key);
}

/** A reply of KV.SIBLINGS in words that are the same for equal replicas. */
function versions(reply: Reply): string {
  const [context, siblings] = reply as readonly [string, readonly (readonly Reply[])[]];
  return JSON.stringify([context, siblings.map(([value, dot]) => `${dot} ${value}`).sort()]);
}

/** One command per key, in the order of the keys; one that is refused is tried again for a while. */
async function all(
  client: RespClient,
  ledgers: readonly KeyLedger[],
  command: (ledger: KeyLedger) => string[],
): Promise<Reply[]> {
  const deadline = performance.now() + READ_PATIENCE_MS;
  const replies: Reply[] = [];
  for (let at = 0; at < ledgers.length; at += BATCH) {
    const part = ledgers.slice(at, at + BATCH);
    let answers = await Promise.all(part.map((ledger) => client.command(...command(ledger))));
    while (answers.some((answer) => answer instanceof Error)) {
      if (performance.now() > deadline) throw answers.find((answer) => answer instanceof Error);
      await pause(AGAIN_MS);
      answers = await Promise.all(part.map((ledger) => client.command(...command(ledger))));
    }
    replies.push(...answers);
  }
  return replies;
}
