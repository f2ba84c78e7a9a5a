/** What CLIENT TRACKING ON is given. */
export interface TrackingOptions {
  readonly bcast: boolean;
  readonly optin: boolean;
  readonly optout: boolean;
  readonly noloop: boolean;
  /** Of the connection that gets the messages; 0: the caller's own. */
  readonly redirect: number;
  readonly prefixes: readonly string[];
}

/** What a connection has turned on with CLIENT TRACKING. */
export class ClientTracking {
  /** CLIENT CACHING was given for the next command, or for the transaction it begins. */
  caching = false;
  /** The connection that was to get the messages was gone when there was one. */
  brokenRedirect = false;
  /** Of a broadcasting one: keys that begin so. */
  readonly prefixes = new Set<string>();

  constructor(public options: TrackingOptions) {}

  /** Whether the keys that the next command reads are remembered. */
  get remembers(): boolean {
    const { bcast, optin, optout } = this.options;
    if (bcast) return false;
    if (optin) return this.caching;
    return !(optout && this.caching);
  }
}
