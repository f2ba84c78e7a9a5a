import { setTimeout as pause } from 'node:timers/promises';
import { type NodeAddress, NodeLink, Unreachable } from './node-link.js';
import { type RingView, ringView } from './ring-view.js';
import { progressLine } from './tables.js';

const LOOK_EVERY_MS = 500;
/** Where lines cannot be overwritten: one when the phase changes, and so often. */
const LINE_EVERY_MS = 5000;
/** So long no member at all may answer, ms. */
const SILENCE_MS = 60_000;

/** Somebody to tell how it goes on. */
export type Watcher = (view: RingView) => void;

/**
 * Looks at the ring through one node, and through any other one when that is gone: it may be the one that leaves. What an earlier
 * state of the ring looked like is not shown again by a node that is behind.
 */
export class RingWatch {
  private link: NodeLink | undefined;
  private others: readonly NodeAddress[] = [];
  private epoch = 0;

  constructor(private readonly first: NodeAddress) {}

  async look(): Promise<RingView> {
    const deadline = performance.now() + SILENCE_MS;
    for (;;) {
      try {
        const view = await this.ask();
        if (view.epoch >= this.epoch) return this.noted(view);
      } catch (error) {
        if (this.epoch === 0 || !isPassing(error) || performance.now() > deadline) throw error;
      }
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Until no change is under way. */
  async untilStable(watcher: Watcher): Promise<RingView> {
    for (;;) {
      const view = await this.look();
      watcher(view);
      if (view.phase === 'stable') return view;
      await pause(LOOK_EVERY_MS);
    }
  }

  close(): void {
    this.link?.close();
  }

  private async ask(): Promise<RingView> {
    try {
      this.link ??= await this.openAny();
      return ringView(await this.link.command('KV.RING'));
    } catch (error) {
      if (error instanceof Unreachable) this.link = undefined;
      throw error;
    }
  }

  private async openAny(): Promise<NodeLink> {
    let failure: unknown;
    for (const address of [this.first, ...this.others]) {
      try {
        return await NodeLink.open(address);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  private noted(view: RingView): RingView {
    this.epoch = view.epoch;
    this.others = view.members.map(({ address }) => {
      const colon = address.lastIndexOf(':');
      const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
      return { host, port: Number(address.slice(colon + 1)), password: this.first.password };
    });
    return view;
  }
}

/** Another node may answer, or this one later. */
function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || /^CLUSTERDOWN|^LOADING/.test((error as Error).message);
}

/** Shows progress: a line that is overwritten on a terminal, lines elsewhere, a JSON object a line for machines. */
export function progressTo(out: NodeJS.WriteStream, asJson: boolean): Watcher {
  let shownMs = 0;
  let shownPhase = '';
  return (view) => {
    const isLast = view.phase === 'stable';
    if (out.isTTY && !asJson) {
      out.write(`\r\x1b[K${isLast ? '' : progressLine(view)}`);
      return;
    }
    const now = performance.now();
    if (view.phase === shownPhase && now - shownMs < LINE_EVERY_MS) return;
    [shownMs, shownPhase] = [now, view.phase];
    if (asJson) out.write(`${JSON.stringify(view)}\n`);
    else if (!isLast) out.write(`${progressLine(view)}\n`);
  };
}
