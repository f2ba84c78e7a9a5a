import { readFacts, type SavedFacts } from '../cluster/saved-facts.js';
import { DamagedRow, parseJsonRow } from '../storage/checked-row.js';
import type { StorageEngine } from '../storage/engine.js';
import { metaKey } from '../storage/key-layout.js';

/** The mapping of SWAPDB. */
export const DATABASES_ROW = metaKey('databases');

export interface SavedRows {
  readonly facts: SavedFacts;
  readonly databases: readonly number[] | undefined;
}

/** What this node kept about itself: what its cluster part needs, and the server's own. `latestMark`: see `readFacts`. */
export function readRows(engine: StorageEngine, latestMark: number): Promise<SavedRows> {
  return new Promise((resolve, reject) => {
    engine.getMany([DATABASES_ROW], (error, [databases]) => {
      if (error) return reject(error);
      readFacts(engine, latestMark, (failure, facts) => {
        if (facts === undefined) return reject(failure);
        const mapping = databases && parseJsonRow(databases);
        if (databases !== undefined && !Array.isArray(mapping)) reject(new DamagedRow('SWAPDB'));
        else resolve({ facts, databases: mapping as readonly number[] | undefined });
      });
    });
  });
}
