import { doubted } from '../cluster/forwarder.js';
import type { CallOwner, CommandCall } from './command-call.js';
import type { Executor } from './executor.js';

/**
 * A write of independent keys (DEL, MSET) cut into one command per key, each to its own coordinator. As across the slots of any
 * cluster it is not atomic; the reply is the sum, or OK, or the first error, after which no further part is started.
 */
export function startFanout(executor: Executor, whole: CommandCall): void {
  new Fanout(executor, whole).startParts();
}

class Fanout implements CallOwner {
  private readonly width: number;
  private readonly adds: boolean;
  /** Where in `argv` the next part begins. */
  private at = 1;
  private underWay = 0;
  private parts = 0;
  private starting = false;
  private sum = 0;
  private failure: string | null = null;

  constructor(
    private readonly executor: Executor,
    private readonly whole: CommandCall,
  ) {
    const { spec } = whole.row;
    this.width = spec.keys.step;
    this.adds = spec.fanout === 'sum';
  }

  /** No more at once than commands of a pipeline: the last of 100,000 would otherwise wait for its replicas too long. */
  startParts(): void {
    if (this.starting) return;
    this.starting = true;
    const { maxPipeline } = this.executor.server.settings.values;
    while (this.more && this.underWay < maxPipeline) this.startPart();
    this.starting = false;
    if (this.underWay === 0) this.end();
  }

  ran(): void {}

  finished(part: CommandCall): void {
    const bytes = part.reply.take();
    const reply = typeof bytes === 'string' ? bytes : bytes.join('');
    if (reply.startsWith('-')) this.failure ??= reply.slice(1, -2);
    else if (this.adds) this.sum += Number(reply.slice(1, -2));
    this.underWay--;
    this.startParts();
  }

  private get more(): boolean {
    return this.failure === null && this.at < this.whole.argv.length;
  }

  private startPart(): void {
    const { executor, whole } = this;
    const part = executor.newCall();
    const argv = [whole.argv[0], ...whole.argv.slice(this.at, this.at + this.width)];
    part.init(argv, whole.row, whole.client, this, whole.now);
    part.db = whole.db;
    part.takeLevels(whole);
    this.at += this.width;
    this.underWay++;
    this.parts++;
    executor.startAdmitted(part);
  }

  private end(): void {
    if (this.failure === null) {
      if (this.adds) this.whole.reply.integer(this.sum);
      else this.whole.reply.ok();
    }
    // What was not done to one key may have been done to another.
    if (this.failure !== null && this.parts > 1) this.failure = doubted(this.failure, 'a part of it');
    this.whole.finish(this.failure);
  }
}
