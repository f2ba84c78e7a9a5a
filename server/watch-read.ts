import { Operation } from '../cluster/core/operation.js';
import { slotOf } from '../cluster/core/slot.js';
import { ofRead } from '../cluster/forwarder.js';
import type { RemoteSettings } from './call-codec.js';
import { fingerprint } from './exec-run.js';
import type { Executor } from './executor.js';
import { hasPeers } from './serial.js';

/** An error line, or what EXEC will compare with, one `fingerprint` per key. */
export type WatchDone = (outcome: string | readonly string[]) => void;

/**
 * WATCH: what its keys hold. On a cluster it is asked of their slot's register, as EXEC will ask: so that nothing which was acknowledged
 * before is taken for a change, and what EXEC finds unchanged is what was there.
 */
export class WatchRead extends Operation {
  private states: readonly string[] = [];

  constructor(
    private readonly executor: Executor,
    settings: RemoteSettings,
    keys: readonly string[],
    now: number,
    private readonly done: WatchDone,
  ) {
    super();
    const { server } = executor;
    this.now = now;
    this.readLevel = settings.readLevel;
    this.serial = hasPeers(server);
    const db = server.physicalDatabases()[settings.db];
    for (const key of keys) this.addKey(db, slotOf(key), key);
  }

  run(): void {
    const { writers } = this.executor.coordinator;
    this.states = this.places.map((_, i) => fingerprint(this.record(i), this.now, writers));
  }

  finish(failure: string | null): void {
    this.done(failure === null ? this.states : ofRead(failure));
  }
}
