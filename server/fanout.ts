import type { CallOwner, CommandCall } from './command-call.js';
import type { Executor } from './executor.js';

/**
 * A write of independent keys (DEL, MSET) cut into one command per key, each to its own coordinator. As across the slots of any
 * cluster it is not atomic; the reply is the sum, or OK, or the first error.
 */
export function startFanout(executor: Executor, whole: CommandCall): void {
  const { spec } = whole.row;
  const width = spec.keys.step;
  const parts = new FanoutParts(whole, Math.ceil((whole.argv.length - 1) / width), spec.fanout === 'sum');
  for (let at = 1; at < whole.argv.length; at += width) {
    const part = executor.newCall();
    part.init(
      [whole.argv[0], ...whole.argv.slice(at, at + width)],
      whole.row,
      whole.client,
      parts,
      whole.now,
    );
    part.db = whole.db;
    part.readLevel = whole.readLevel;
    part.writeLevel = whole.writeLevel;
    executor.start(part);
  }
}

class FanoutParts implements CallOwner {
  private sum = 0;
  private failure: string | null = null;

  constructor(
    private readonly whole: CommandCall,
    private left: number,
    private readonly adds: boolean,
  ) {}

  ran(): void {}

  finished(part: CommandCall): void {
    const bytes = part.reply.take();
    const reply = typeof bytes === 'string' ? bytes : bytes.join('');
    if (reply.startsWith('-')) this.failure ??= reply.slice(1, -2);
    else if (this.adds) this.sum += Number(reply.slice(1, -2));
    if (--this.left > 0) return;
    if (this.failure === null) {
      if (this.adds) this.whole.reply.integer(this.sum);
      else this.whole.reply.ok();
    }
    this.whole.finish(this.failure);
  }
}
