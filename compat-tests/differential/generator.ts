import { junk, keyNames, spelled } from './arguments.js';
import type { Make, Play } from './families.js';
import * as families from './families.js';
import { Random } from './random.js';

export interface Sequence {
  readonly seed: number;
  readonly keys: readonly string[];
  readonly commands: readonly (readonly string[])[];
}

export interface SequenceOptions {
  /** All keys are in one slot. Without it a cluster is given no commands that look at keys of several slots together. */
  readonly oneSlot: boolean;
  /** For a node alone. */
  readonly alone: boolean;
  /** With commands about the whole database: in a cluster they may lack what not every replica has yet. */
  readonly keyspace: boolean;
}

const FAMILIES: readonly (readonly Make[])[] = [
  families.strings,
  families.strings,
  families.bitmaps,
  families.generic,
  families.generic,
  families.databases,
  families.connections,
];

/** See `known-differences.ts`. */
const MEANT_TO_DIFFER = /^(client help|config get \*|scan [+-]?0*[1-9])/i;

/** A client's random commands, right and wrong ones. */
export function sequenceOf(seed: number, options: SequenceOptions): Sequence {
  const random = new Random(seed);
  const keys = keyNames(random, options.oneSlot);
  const play: Play = { random, keys };
  const choice = new FamilyChoice(random, options);
  const commands: string[][] = [];
  const length = random.between(6, 14);
  while (commands.length < length) {
    const command = random.pick(choice.next())(play);
    const argv = random.chance(12) ? damaged(random, command) : dressed(random, command);
    if (!MEANT_TO_DIFFER.test(argv.join(' '))) commands.push(argv);
  }
  if (choice.transactional) commands.push(['EXEC']);
  if (options.keyspace) commands.push(['RANDOMKEY'], ['KEYS', '*']);
  commands.push(...keys.map((key) => ['GET', key]), ...keys.slice(0, 2).map((key) => ['PTTL', key]));
  // Redis counts an expired key until somebody looks at it.
  if (options.keyspace) commands.push(['EXISTS', ...commands.map(([, key]) => key ?? '')], ['DBSIZE']);
  return { seed, keys, commands };
}

/** Mostly commands of one family, so that they meet; now and then others, and transactions around them. */
class FamilyChoice {
  readonly transactional: boolean;
  private readonly main: readonly Make[];
  private readonly mayMix: boolean;

  constructor(
    private readonly random: Random,
    private readonly options: SequenceOptions,
  ) {
    this.main = random.pick(FAMILIES);
    this.mayMix = options.oneSlot || options.alone;
    this.transactional = this.mayMix && random.chance(40);
  }

  next(): readonly Make[] {
    const { random, options, main } = this;
    if (this.transactional && random.chance(25))
      return random.chance(75) ? families.transactions : families.watches;
    if (this.mayMix && random.chance(15)) return families.together;
    if (!this.transactional && options.keyspace && random.chance(8)) return families.keyspace;
    if (!this.transactional && options.alone && random.chance(2)) return families.swaps;
    if (!this.transactional && random.chance(3)) return families.flushes;
    return random.chance(80) ? main : random.pick(FAMILIES);
  }
}

function dressed(random: Random, command: readonly string[]): string[] {
  return command.map((word, i) => (i === 0 || /^[A-Z_]{2,}$/.test(word) ? spelled(random, word) : word));
}

/** Something of it is missing, too much or in the wrong place. */
function damaged(random: Random, command: readonly string[]): string[] {
  const words = dressed(random, command);
  const at = Math.max(random.int(words.length), 1);
  switch (random.int(5)) {
    case 0:
      return words.length > 1 ? words.slice(0, -1) : words;
    case 1:
      return [...words, junk(random)];
    case 2:
      words[at] = junk(random);
      return words;
    case 3:
      words.splice(at, 1);
      return words;
    default:
      words.splice(at, 0, junk(random));
      return words;
  }
}
