import type { Plan } from '../simulation.js';

export type Undo = () => void;

/** The protocol with one deliberate mistake in it. */
export interface Mutant {
  readonly name: string;
  /** What it does wrong. */
  readonly mistake: string;
  /** Names of faults without which the mistake does not show, and how often one strikes, ms. */
  readonly faults: readonly string[];
  readonly everyMs?: number;
  /** What else its runs need, besides what the seed decides. */
  readonly plan?: Omit<Partial<Plan>, 'seed' | 'troubles'>;
  /** Makes the mistake, in this whole process, until it is undone. */
  make(): Undo;
}

/** Makes mutants whose plans have so much in common as `complete` adds to what each says itself. */
export function mutantsOf(
  complete: (own: NonNullable<Mutant['plan']>) => NonNullable<Mutant['plan']>,
  usualMs: number,
): (
  name: string,
  mistake: string,
  faults: readonly string[],
  make: () => Undo,
  plan?: Mutant['plan'],
  everyMs?: number,
) => Mutant {
  return (name, mistake, faults, make, plan = {}, everyMs = usualMs) => ({
    name,
    mistake,
    faults,
    everyMs,
    plan: complete(plan),
    make,
  });
}

/**
 * Puts another method in the place of one. It is an error if there is none of that name: a mutant that changes nothing would
 * only seem to be one.
 */
export function replace<This, Args extends unknown[], Result>(
  prototype: object,
  name: string,
  make: (original: (this: This, ...args: Args) => Result) => (this: This, ...args: Args) => Result,
): Undo {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  if (typeof descriptor?.value !== 'function') throw new Error(`there is no method ${name} to replace`);
  Object.defineProperty(prototype, name, { ...descriptor, value: make(descriptor.value) });
  return () => Object.defineProperty(prototype, name, descriptor);
}

/** The same for a property that is worked out. */
export function replaceGetter(prototype: object, name: string, get: () => unknown): Undo {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  if (descriptor?.get === undefined) throw new Error(`there is no property ${name} to replace`);
  Object.defineProperty(prototype, name, { ...descriptor, get });
  return () => Object.defineProperty(prototype, name, descriptor);
}
