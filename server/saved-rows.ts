import { readFacts, type SavedFacts } from '../cluster/saved-facts.js';
import type { StorageEngine } from '../storage/engine.js';
import { metaKey } from '../storage/key-layout.js';

/** The mapping of SWAPDB. */
export const DATABASES_ROW = metaKey('databases');

export interface SavedRows {
  readonly facts: SavedFacts;
  readonly databases: readonly number[] | undefined;
}

/** What this node kept about itself: what its cluster part needs, and the server's own. */
export function readRows(engine: StorageEngine): Promise<SavedRows> {
  return new Promise((resolve, reject) => {
    engine.getMany([DATABASES_ROW], (error, [databases]) => {
      if (error) return reject(error);
      readFacts(engine, (failure, facts) => {
        if (facts === undefined) return reject(failure);
        const mapping = databases === undefined ? undefined : JSON.parse(databases.toString());
        resolve({ facts, databases: mapping });
      });
    });
  });
}
