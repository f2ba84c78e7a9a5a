import { ConnectionLost, type Reply } from '../faults/resp-client.js';

/** Errors that say of themselves that nothing was done. */
const NOT_APPLIED = /not applied|nothing was|^(CLUSTERDOWN|LOADING|OVERLOADED|EXECABORT)\b/;
const MAYBE_APPLIED = /^NOQUORUM .*may have been applied/;

/** What is known of a request's effect. */
export type Fate = 'answered' | 'not applied' | 'unknown';

/** How many requests ended how. */
export class Tally {
  answered = 0;
  notApplied = 0;
  unknown = 0;
  /** Errors that the documentation does not know. */
  readonly strange = new Map<string, number>();

  /** Counts a reply, or the reason why there is none. */
  note(outcome: Reply | ConnectionLost): Fate {
    if (!(outcome instanceof Error)) {
      this.answered++;
      return 'answered';
    }
    if (!(outcome instanceof ConnectionLost) && NOT_APPLIED.test(outcome.message)) {
      this.notApplied++;
      return 'not applied';
    }
    if (!(outcome instanceof ConnectionLost) && !MAYBE_APPLIED.test(outcome.message))
      this.strange.set(outcome.message, (this.strange.get(outcome.message) ?? 0) + 1);
    this.unknown++;
    return 'unknown';
  }
}
