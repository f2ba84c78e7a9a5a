import type { RespConnection } from '../harness/connection.js';
import type { Sequence } from './generator.js';
import { ReplyJudge } from './same-reply.js';

/** Opens a fresh connection to one of the two servers. */
export type Connect = () => Promise<RespConnection>;

export interface Servers {
  readonly redis: Connect;
  readonly ringkv: Connect;
  readonly resp: 2 | 3;
  /** A command or transaction over several slots ends the comparison: what follows finds other data. */
  readonly refusesCrossSlot: boolean;
}

export type Outcome =
  | { readonly kind: 'same' | 'cross slot' }
  | { readonly kind: 'different'; readonly at: number; readonly redis: string; readonly ringkv: string };

type Commands = readonly (readonly string[])[];

/** Both servers start empty and get the same commands; where their answers part first. */
export async function compare(commands: Commands, servers: Servers): Promise<Outcome> {
  const before = [['FLUSHALL'], ...(servers.resp === 3 ? [['HELLO', '3']] : [])];
  const all = [...before, ...commands];
  const [redis, ringkv] = await Promise.all([answers(servers.redis, all), answers(servers.ringkv, all)]);
  if (ringkv[0] !== '+OK\r\n') return { kind: 'different', at: -1, redis: redis[0], ringkv: ringkv[0] };
  const judge = new ReplyJudge();
  for (let i = before.length; i < all.length; i++) {
    if (servers.refusesCrossSlot && ringkv[i].startsWith('-CROSSSLOT')) return { kind: 'cross slot' };
    const keys = all[i + 1]?.join(' ') === 'KEYS *' ? redis[i + 1] : undefined;
    if (!judge.same(all[i], redis[i], ringkv[i], keys))
      return { kind: 'different', at: i - before.length, redis: redis[i], ringkv: ringkv[i] };
  }
  return { kind: 'same' };
}

async function answers(connect: Connect, commands: Commands): Promise<string[]> {
  const connection = await connect();
  try {
    return await connection.pipeline(commands);
  } finally {
    connection.close();
  }
}

/** What a person needs to see of a difference: the fewest commands that still show it, both answers, the seed. */
export async function report(sequence: Sequence, servers: Servers): Promise<string> {
  const { commands, outcome } = await shortened(sequence.commands, servers);
  if (outcome.kind !== 'different') return `seed ${sequence.seed}: differs at times only`;
  return [
    `seed ${sequence.seed}:`,
    ...commands.slice(0, outcome.at + 1).map((argv) => `  ${argv.map(shown).join(' ')}`),
    `redis  ${shown(outcome.redis)}`,
    `ringkv ${shown(outcome.ringkv)}`,
  ].join('\n');
}

async function shortened(all: Commands, servers: Servers): Promise<{ commands: Commands; outcome: Outcome }> {
  let commands = all;
  let outcome = await compare(commands, servers);
  for (let i = commands.length - 1; i >= 0; i--) {
    const fewer = commands.filter((_, at) => at !== i);
    const still = await compare(fewer, servers);
    if (still.kind !== 'different') continue;
    commands = fewer;
    outcome = still;
  }
  return { commands, outcome };
}

function shown(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length > 300 ? `${quoted.slice(0, 300)}… (${text.length} bytes)` : quoted;
}
