import { slotOf } from '../../cluster/core/slot.js';
import { parseReply } from '../differential/reply-tree.js';
import type { RespConnection } from './connection.js';
import type { RingNode } from './servers.js';
import type { SmartClient } from './smart-clients.js';

export const KEYS: readonly string[] = Array.from({ length: 200 }, (_, i) => `key:${i}`);
/** "Within a second or two", and what a busy machine adds. */
export const SOON_MS = 6000;
/** Slots take a while to move. */
export const MOVE_MS = 90_000;

export async function asked<T>(node: RingNode, ask: (connection: RespConnection) => Promise<T>): Promise<T> {
  const connection = await node.connect();
  const answer = await ask(connection);
  connection.close();
  return answer;
}

/** By slot: the port of its coordinator, as this node sees it. */
export async function coordinators(node: RingNode): Promise<number[]> {
  const slots = parseReply(await asked(node, (connection) => connection.command('CLUSTER', 'SLOTS')));
  const ports: number[] = [];
  for (const { elements } of slots.elements) {
    const [start, end, master] = elements;
    for (let slot = Number(start.text); slot <= Number(end.text); slot++)
      ports[slot] = Number(master.elements[1].text);
  }
  return ports;
}

/** The client sends these keys where this node says they belong. */
export async function routesAs(client: SmartClient, node: RingNode): Promise<boolean> {
  const ports = await coordinators(node);
  return KEYS.every((key) => client.masterOf(slotOf(key)) === ports[slotOf(key)]);
}

/** Waits until it holds; rejects when it takes longer than it may. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  patienceMs = SOON_MS,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
