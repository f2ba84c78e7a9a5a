import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KEYS, until } from './cluster-sight.js';
import { TestProcess } from './process.js';
import type { SmartClient } from './smart-clients.js';

const run = promisify(execFile);
const GO_ON_MS = 60_000;
/** Keys of one pipeline, and of one MGET. */
const BATCH = 12;
/** Of rounds of a smart client. */
const PIPELINES_EVERY = 5;
/** Between two runs of a program, ms: the others are to have the machine as well. */
const BREATH_MS = 100;
/** A library's own word for a connection that broke with a command under way: only its caller knows whether to send it again. */
const BROKEN_CONNECTION =
  /Socket closed unexpectedly|Disconnects client|aborted due to connection close|Connection is closed|ECONNRESET|EPIPE|ECONNREFUSED/;

/** What ioredis tells the caller of a pipeline of which a slot moves, as it does with Redis. */
const MOVED_IN_PIPELINE =
  /^MOVED |^All keys in the pipeline should belong to the same slots allocation group/;

/** A client's work without end while the cluster changes under it. */
export interface Work {
  readonly name: string;
  /** Rounds that went well. */
  readonly done: number;
  /** What may not be. */
  readonly failures: readonly string[];
  /** Rounds that a connection broke off, with what was under way on it. */
  readonly broken: number;
  stop(): Promise<void>;
}

/** All of them get on, and have nothing to complain of. */
export async function goOn(works: readonly Work[], rounds: number): Promise<void> {
  const goals = works.map(({ done }) => done + rounds);
  const behind = (): Work[] => works.filter(({ done }, i) => done < goals[i]);
  const state = (): string =>
    behind()
      .map(
        ({ name, done, broken, failures }) => `${name} at ${done}, ${broken} broken, ${failures.slice(0, 3)}`,
      )
      .join('; ');
  await until(`${rounds} more rounds`, () => behind().length === 0, GO_ON_MS).catch((error) => {
    throw new Error(`${error.message}: ${state()}`);
  });
}

/** Rounds of SET and GET, now and then a pipeline and an MGET of many slots; each worker has its keys, and must see what it wrote. */
export class SmartWork implements Work {
  readonly failures: string[] = [];
  done = 0;
  broken = 0;
  /** Pipelines of which a slot had moved. */
  moved = 0;
  private stopped = false;
  private readonly workers: Promise<void>[];

  constructor(
    readonly name: string,
    private readonly client: SmartClient,
    /** How it reads keys of many slots. */
    private readonly mget: (keys: string[]) => Promise<(string | null)[]>,
    workers = 2,
  ) {
    this.workers = Array.from({ length: workers }, (_, i) => this.work(i));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.workers);
  }

  private async work(worker: number): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      try {
        if (i % PIPELINES_EVERY === 0) await this.batch(worker, i);
        else await this.single(`${KEYS[i % KEYS.length]}:${this.name} ${worker}`, String(i));
        this.done++;
        await pause(1);
      } catch (error) {
        const { message } = error as Error;
        if (BROKEN_CONNECTION.test(message)) this.broken++;
        else this.failures.push(message);
        // What was broken off may have been done or not; the client has to turn to somebody else.
        await pause(10);
      }
    }
  }

  private async single(key: string, value: string): Promise<void> {
    const { client } = this;
    await client.set(key, value);
    const found = await client.get(key);
    if (found !== value) throw new Error(`${key} is ${found} instead of ${value}`);
  }

  private async batch(worker: number, round: number): Promise<void> {
    const keys = Array.from(
      { length: BATCH },
      (_, i) => `${KEYS[(round + i) % KEYS.length]}:${this.name} ${worker} in many`,
    );
    const value = `of round ${round}`;
    const results = await this.client.pipeline(keys, value).catch((error) => [error]);
    if (results.some((one) => one instanceof Error && MOVED_IN_PIPELINE.test(one.message))) {
      this.moved++;
      return;
    }
    for (const result of results) {
      if (result instanceof Error) throw result;
      // A GET may overtake its SET when that is redirected: what was written is looked for afterwards.
      if (result !== 'OK' && !/^of round \d+$/.test(String(result)))
        throw new Error(`a pipeline of ${value} brought ${result}`);
    }
    const found = await this.mget(keys);
    if (found.length !== keys.length || found.some((one) => one !== value))
      throw new Error(`MGET after ${value}: ${found}`);
  }
}

/** A program of Redis that is run again and again, at the nodes in turn. */
export class ProgramWork implements Work {
  readonly failures: string[] = [];
  done = 0;
  broken = 0;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    readonly name: string,
    /** Of the nodes that run. */
    private readonly ports: () => readonly number[],
    private readonly once: (port: number) => Promise<string>,
    /** What is wrong with what it printed; null: nothing. */
    private readonly objection: (output: string) => string | null,
  ) {
    this.running = this.work();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async work(): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      const ports = this.ports();
      const port = ports[i % ports.length];
      const output = await this.once(port);
      const objection = this.objection(output);
      if (objection === null) this.done++;
      // Neither program knows what to do when its connection breaks: it says so and ends.
      else if (LOST_SERVER.test(objection)) this.broken++;
      else this.failures.push(objection.slice(-FAILURE_CHARACTERS));
      await pause(BREATH_MS);
    }
  }
}

/** Of what a program printed, when it is shown. */
const FAILURE_CHARACTERS = 2000;
const TOOK_TOO_LONG = 'took too long';
const LOST_SERVER =
  /Failed to (update cluster slots|fetch cluster) configuration|Server closed the connection|Connection reset by peer|Could not connect|Connection refused|Broken pipe|took too long/;

/** redis-benchmark does not always notice that a node is gone, ms. */
const PROGRAM_MS = 20_000;

/** What a program printed, however it ended. */
export async function printed(program: string, args: readonly string[], input = ''): Promise<string> {
  const promise = run(program, args, { timeout: PROGRAM_MS });
  promise.child.stdin?.on('error', () => {});
  promise.child.stdin?.end(input);
  const { stdout, stderr, killed } = await promise.then(
    (output) => ({ ...output, killed: false }),
    (error) => error as { stdout: string; stderr: string; killed: boolean },
  );
  return `${stdout}${stderr}${killed ? TOOK_TOO_LONG : ''}`;
}

/** A program that tells how far it is in lines `did 12 broken 0 knows 7001,7002`, and ends with words when something is wrong. */
export class ToldWork implements Work {
  private readonly process: TestProcess;
  private stopped = false;

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
  ) {
    this.process = new TestProcess(command, args);
  }

  get done(): number {
    return Number(this.last()?.[1] ?? 0);
  }

  get broken(): number {
    return Number(this.last()?.[2] ?? 0);
  }

  /** The ports of the nodes it knows. */
  get known(): readonly number[] {
    return (this.last()?.[3] ?? '').split(',').map(Number);
  }

  get failures(): readonly string[] {
    return this.stopped || this.process.running ? [] : [this.process.output.slice(-2000)];
  }

  async stop(): Promise<void> {
    this.stopped ||= this.process.running;
    await this.process.stop('SIGKILL');
  }

  private last(): RegExpMatchArray | undefined {
    return [...this.process.output.matchAll(/^did (\d+) broken (\d+) knows ([\d,]*)$/gm)].at(-1);
  }
}
