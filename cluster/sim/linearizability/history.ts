import type { Step } from './step.js';

/** What a client came to know of its step. */
export interface Answer {
  readonly reply: string;
  /** What its keys showed when it was taken, where that is known. */
  readonly saw?: readonly (string | null)[];
  /** By the clock of the node that took it, Unix ms: when it came there, which is when expiries are judged by... */
  readonly now?: number;
  /** ... and when it was done: what had expired by then may have been swept. */
  readonly ranAt?: number;
}

/** One step of one client, from the question to the answer. */
export interface Event {
  readonly client: string;
  readonly step: Step;
  /** Which of the object's keys it is about. */
  readonly at: readonly number[];
  /** Places in the order of everything that clients asked and heard. */
  readonly asked: number;
  /** `Infinity`: nobody knows; it may take effect at any time, or never. */
  answered: number;
  answer: Answer | null;
}

/** A step whose outcome is still to come. While nothing is said of it, it is unknown. */
export interface Open {
  answered(answer: Answer): void;
  /** It has not been applied and will not be: nobody may ever see anything of it. */
  notApplied(): void;
}

/** Everything clients did to one object: some keys that nothing but their steps may change. */
export class History {
  private readonly all = new Set<Event>();
  private turns = 0;

  constructor(readonly keys: readonly string[]) {}

  /** In the order in which they were asked. */
  get events(): readonly Event[] {
    return [...this.all];
  }

  ask(client: string, step: Step, keys: readonly string[]): Open {
    const at = keys.map((key) => this.keys.indexOf(key));
    const event: Event = {
      client,
      step,
      at,
      asked: this.turns++,
      answered: Number.POSITIVE_INFINITY,
      answer: null,
    };
    this.all.add(event);
    return {
      answered: (answer) => {
        event.answered = this.turns++;
        event.answer = answer;
      },
      notApplied: () => void this.all.delete(event),
    };
  }
}
