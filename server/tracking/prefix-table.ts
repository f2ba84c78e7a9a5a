import type { ClientState } from '../client.js';

/** Changed keys kept for one message to broadcasting clients; beyond it they are told that anything may have changed. */
export const MAX_BROADCAST_KEYS = 10_000;

/** Who wants to hear of keys that begin so, and what there is to tell at the end of this turn. */
interface Prefix {
  readonly clients: Set<ClientState>;
  /** Each with the client whose command changed it, as far as that is known. */
  changed: Map<string, ClientState | null>;
}

/** CLIENT TRACKING BCAST: clients by the prefixes they have asked for. */
export class PrefixTable {
  private readonly prefixes = new Map<string, Prefix>();

  get size(): number {
    return this.prefixes.size;
  }

  add(text: string, client: ClientState): void {
    const prefix = this.prefixes.get(text);
    if (prefix === undefined) this.prefixes.set(text, { clients: new Set([client]), changed: new Map() });
    else prefix.clients.add(client);
  }

  delete(text: string, client: ClientState): void {
    const prefix = this.prefixes.get(text);
    if (prefix === undefined) return;
    prefix.clients.delete(client);
    if (prefix.clients.size === 0) this.prefixes.delete(text);
  }

  changed(key: string, by: ClientState | null): void {
    for (const [text, { changed }] of this.prefixes)
      if (key.startsWith(text) && changed.size <= MAX_BROADCAST_KEYS) changed.set(key, by);
  }

  /** What each client is to be told, prefix by prefix and key by key in the order of their bytes; null: too much to be named. */
  take(tell: (client: ClientState, keys: readonly string[] | null) => void): void {
    const inOrder = [...this.prefixes].sort(([a], [b]) => byBytes(a, b));
    for (const [, prefix] of inOrder) {
      const { changed, clients } = prefix;
      if (changed.size === 0) continue;
      prefix.changed = new Map();
      const sorted = [...changed.keys()].sort(byBytes);
      for (const client of clients) {
        if (changed.size > MAX_BROADCAST_KEYS) {
          tell(client, null);
          continue;
        }
        const { noloop } = client.tracking!.options;
        const keys = noloop ? sorted.filter((key) => changed.get(key) !== client) : sorted;
        if (keys.length > 0) tell(client, keys);
      }
    }
  }
}

/** Not by the alphabet of some language. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
