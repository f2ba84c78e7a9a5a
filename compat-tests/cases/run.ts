import { ReplyJudge } from '../differential/same-reply.js';
import type { RespConnection } from '../harness/connection.js';
import { type Script, stepsOf } from './script.js';

/** Opens a fresh connection to one of the two servers, for the script's first or second client. */
type Connect = (client: 'A' | 'B') => Promise<RespConnection>;

/**
 * Every step that the two servers answer differently, with both answers. A script ends where a cluster refuses keys of several
 * slots: what follows finds other data.
 */
export async function differences(
  script: Script,
  resp: 2 | 3,
  redis: Connect,
  ringkv: Connect,
): Promise<string[]> {
  const [theirs, ours] = await Promise.all([repliesOf(script, resp, redis), repliesOf(script, resp, ringkv)]);
  const judges = { A: new ReplyJudge(), B: new ReplyJudge() };
  const end = ours.findIndex((reply) => reply.startsWith('-CROSSSLOT'));
  const steps = stepsOf(script).slice(0, end < 0 ? undefined : end);
  return steps.flatMap(({ client, argv }, i) =>
    judges[client].same(argv, theirs[i], ours[i])
      ? []
      : [`${JSON.stringify(argv.join(' '))}\n  redis  ${shown(theirs[i])}\n  ringkv ${shown(ours[i])}`],
  );
}

/** The answers to a script's steps, one after the other, on a server that was emptied before. */
export async function repliesOf(script: Script, resp: 2 | 3, connect: Connect): Promise<string[]> {
  const clients = { A: await connect('A'), B: await connect('B') };
  const replies: string[] = [];
  try {
    await clients.A.command('FLUSHALL');
    if (resp === 3) for (const client of Object.values(clients)) await client.command('HELLO', '3');
    for (const { client, argv } of stepsOf(script)) replies.push(await clients[client].command(...argv));
  } finally {
    for (const client of Object.values(clients)) client.close();
  }
  return replies;
}

function shown(text: string): string {
  return JSON.stringify(text).slice(0, 400);
}
