/** What a key holds, for the one who asks: a value that may have a time. */
export interface Held {
  readonly value: string | null;
  /** Unix ms; 0: never. */
  readonly expireAt: number;
}

export const NOTHING: Held = { value: null, expireAt: 0 };

/**
 * One atomic step on the keys of an object. Both the simulated command and the model take it by `takeStep`: what is judged is that the
 * steps of all clients are one after another, not what each of them does.
 */
export type Step =
  | { readonly do: 'get' }
  | { readonly do: 'set'; readonly value: string; readonly expireAt?: number }
  | { readonly do: 'del' }
  | { readonly do: 'incr' }
  | {
      readonly do: 'cas';
      readonly expected: string | null;
      readonly value: string;
      /** Where the client has it: the version that held `expected`. The command compares this one then. */
      readonly version?: string;
    }
  /** Sets all keys, unless one of them holds something. */
  | { readonly do: 'setnx'; readonly value: string; readonly expireAt?: number }
  | { readonly do: 'delifeq'; readonly expected: string }
  /** Sets the second key, if the first holds what is expected: as a transaction does that watches one key and writes another. */
  | { readonly do: 'setif'; readonly expected: string | null; readonly value: string }
  /** From the first key to the second, if there is so much. */
  | { readonly do: 'transfer'; readonly amount: number };

export interface Taken {
  readonly reply: string;
  /** One per key: what it holds then; undefined: as before. */
  readonly writes: readonly (Held | undefined)[];
}

/** What an expiring value shows at `now`, Unix ms. */
export function visibleAt({ value, expireAt }: Held, now: number): string | null {
  return expireAt === 0 || expireAt > now ? value : null;
}

/** The step's effect and reply where its keys show these values. `isExpected`, if given, says whether a `cas` finds its version. */
export function takeStep(step: Step, shown: readonly (string | null)[], isExpected?: boolean): Taken {
  switch (step.do) {
    case 'get':
      return { reply: '', writes: [] };
    case 'set':
      return { reply: 'OK', writes: shown.map(() => held(step)) };
    case 'del':
      return when(shown[0] !== null, [NOTHING]);
    case 'incr': {
      const value = String(Number(shown[0] ?? '0') + 1);
      return { reply: value, writes: [{ value, expireAt: 0 }] };
    }
    case 'cas':
      return when(isExpected ?? shown[0] === step.expected, [{ value: step.value, expireAt: 0 }]);
    case 'setnx':
      return when(
        shown.every((value) => value === null),
        shown.map(() => held(step)),
      );
    case 'delifeq':
      return when(shown[0] === step.expected, [NOTHING]);
    case 'setif':
      return when(shown[0] === step.expected, [undefined, { value: step.value, expireAt: 0 }]);
    case 'transfer': {
      const [from, to] = shown.map(Number);
      const left = { value: String(from - step.amount), expireAt: 0 };
      const more = { value: String(to + step.amount), expireAt: 0 };
      return when(shown[0] !== null && shown[1] !== null && from >= step.amount, [left, more]);
    }
  }
}

function held({ value, expireAt = 0 }: { readonly value: string; readonly expireAt?: number }): Held {
  return { value, expireAt };
}

function when(holds: boolean, writes: readonly (Held | undefined)[]): Taken {
  return holds ? { reply: '1', writes } : { reply: '0', writes: [] };
}
