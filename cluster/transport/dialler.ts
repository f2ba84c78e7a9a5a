import type { Random } from '../environment.js';
import type { DialOutcome, NodeIdHex } from '../transport.js';
import { type Address, parseAddress } from './address.js';
import type { TransportLimits } from './limits.js';
import type { Link } from './link.js';

export interface DialHost {
  readonly limits: TransportLimits;
  open(to: Address, name: string): Link;
  isNodeUp(nodeId: NodeIdHex): boolean;
  after(ms: number, run: () => void): () => void;
  report(address: string, outcome: DialOutcome): void;
}

interface Target {
  readonly name: string;
  readonly address: Address;
  /** Who answered there last. */
  nodeId: NodeIdHex | undefined;
  /** Failures in a row. */
  failures: number;
  link: Link | undefined;
  cancelTimer: (() => void) | undefined;
  /** Dialling it makes no sense: it is this node, or one that claims to be. */
  pointless: boolean;
  reportedUp: boolean;
}

/** Keeps a connection to every address it is given: dials, and dials again after a pause that doubles up to a bound. */
export class Dialler {
  private readonly targets = new Map<string, Target>();
  private readonly byLink = new Map<Link, Target>();

  constructor(
    private readonly host: DialHost,
    private readonly random: Random,
  ) {}

  connect(name: string): void {
    if (this.targets.has(name)) return;
    const address = parseAddress(name);
    if (address === undefined) {
      this.host.report(name, { kind: 'failed', reason: 'not an address (host:port)' });
      return;
    }
    const target: Target = {
      name,
      address,
      nodeId: undefined,
      failures: 0,
      link: undefined,
      cancelTimer: undefined,
      pointless: false,
      reportedUp: false,
    };
    this.targets.set(name, target);
    this.dial(target);
  }

  forget(name: string): void {
    const target = this.targets.get(name);
    if (target === undefined) return;
    this.targets.delete(name);
    target.cancelTimer?.();
    if (target.link !== undefined) {
      this.byLink.delete(target.link);
      if (!target.link.isUp) target.link.close('no longer wanted');
    }
  }

  close(): void {
    for (const name of [...this.targets.keys()]) this.forget(name);
  }

  /** A link is through its handshake. */
  onUp(link: Link): void {
    const target = this.byLink.get(link);
    if (target === undefined) return;
    target.nodeId = link.nodeId;
    this.reportUp(target, link.nodeId);
  }

  /** A link ended before it was up. */
  onFailed(link: Link, outcome: DialOutcome): void {
    const target = this.byLink.get(link);
    if (target === undefined) return;
    this.byLink.delete(link);
    target.link = undefined;
    if (link.nodeId !== '') target.nodeId = link.nodeId;
    if (outcome.kind === 'up') {
      this.reportUp(target, outcome.nodeId);
      return;
    }
    target.reportedUp = false;
    target.pointless = outcome.kind === 'self' || outcome.kind === 'twin';
    // Before the report: the node may forget the address in it.
    if (!target.pointless) this.retry(target);
    this.host.report(target.name, outcome);
  }

  /** A node's connection is gone, whoever dialled it. `steady`: it had stood for a while, so a new one is worth a quick try. */
  onNodeDown(link: Link, steady: boolean): void {
    for (const target of this.targets.values()) {
      if (target.link === link) {
        this.byLink.delete(link);
        target.link = undefined;
      }
      if (target.nodeId !== link.nodeId) continue;
      if (steady) target.failures = 0;
      target.reportedUp = false;
      if (target.link === undefined) this.retry(target);
    }
  }

  private retry(target: Target): void {
    const { backoffMinMs, backoffMaxMs } = this.host.limits;
    const ceiling = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(target.failures, 30));
    target.failures++;
    target.cancelTimer?.();
    // Half of it is chance: nodes that lost each other at one moment do not knock at one moment.
    const delay = Math.ceil(ceiling * (0.5 + 0.5 * this.random.next()));
    target.cancelTimer = this.host.after(delay, () => this.dial(target));
  }

  private dial(target: Target): void {
    target.cancelTimer = undefined;
    if (target.nodeId !== undefined && this.host.isNodeUp(target.nodeId)) {
      this.reportUp(target, target.nodeId);
      return;
    }
    const link = this.host.open(target.address, target.name);
    target.link = link;
    this.byLink.set(link, target);
  }

  private reportUp(target: Target, nodeId: NodeIdHex): void {
    if (target.reportedUp) return;
    target.reportedUp = true;
    this.host.report(target.name, { kind: 'up', nodeId });
  }
}
