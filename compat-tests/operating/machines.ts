import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RingView } from '../../server/operator/ring-view.js';
import { TestProcess } from '../harness/process.js';
import { temporaryFolder } from '../harness/servers.js';

const MAIN = resolve('dist/server/main.js');
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 200;
/** Machines of the guide, and the loopback addresses that stand for them here. */
const THEIRS = /\b10\.0\.0\.(\d+)/g;
const RACKS = ['a', 'b', 'c'];

const run = promisify(execFile);

/** What a command said, and how it ended. */
export interface Said {
  readonly command: string;
  readonly text: string;
}

/** The machines of the guide as loopback addresses, a folder each, on which its commands are run as they stand there. */
export class Machines {
  readonly password = 'of the guide';
  /** The server that runs on each. */
  readonly servers = new Map<string, TestProcess>();
  private readonly folder = temporaryFolder();
  private readonly net = `127.${20 + (process.pid % 200)}.${1 + Math.floor(Math.random() * 250)}`;

  constructor(private readonly config: string) {}

  addressOf(machine: string): string {
    return machine.replace(THEIRS, `${this.net}.$1`);
  }

  /** Runs a line of the guide. A server goes on in the background once it takes part. */
  async run(machine: string, line: string): Promise<Said> {
    const command = this.here(machine, line);
    if (/^ringkv (server|replace) /.test(line)) return this.startServer(machine, line, command);
    const { stdout, stderr } = await run('sh', ['-c', command], { env: this.env }).catch((error) => {
      throw new Error(`${line}: ${error.stdout}${error.stderr}\n${this.logs()}`);
    });
    if (/ shutdown$/.test(line)) await this.ended(machine);
    return { command: line, text: stdout + stderr };
  }

  /** The exit code of the machine's server, once it has ended. */
  async ended(machine: string): Promise<number | null> {
    const deadline = setTimeout(() => {
      throw new Error(`the server on ${machine} does not end\n${this.logs()}`);
    }, PATIENCE_MS);
    const code = await this.servers.get(machine)!.ended();
    clearTimeout(deadline);
    return code;
  }

  /** The machine is gone, as others see it. */
  async dies(machine: string, seenFrom: string): Promise<void> {
    await this.servers.get(machine)!.stop('SIGKILL');
    const bus = `${this.addressOf(machine)}:16379`;
    await this.until(seenFrom, ({ members }) => members.find((one) => one.bus === bus)?.state === 'down');
  }

  /** `ringkv status --json` on a machine. */
  async status(machine: string): Promise<RingView> {
    const { text } = await this.run(machine, `ringkv status --json --host ${machine}`);
    return JSON.parse(text) as RingView;
  }

  async until(machine: string, holds: (view: RingView) => boolean): Promise<RingView> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const view = await this.status(machine).catch((error: Error) => error);
      if (!(view instanceof Error) && holds(view)) return view;
      if (Date.now() > deadline) throw new Error(`${JSON.stringify(view)} ${view}\n${this.logs()}`);
      await pause(LOOK_EVERY_MS);
    }
  }

  async end(): Promise<void> {
    await Promise.all([...this.servers.values()].map((server) => server.stop('SIGKILL')));
    this.folder.remove();
  }

  logs(): string {
    return [...this.servers].map(([machine, { output }]) => `${machine}:\n${output.slice(-3000)}`).join('\n');
  }

  private async startServer(machine: string, line: string, command: string): Promise<Said> {
    this.writeConfig(machine);
    // `exec`: signals are to meet the server.
    const server = new TestProcess('sh', ['-c', `exec ${command}`], this.env);
    this.servers.set(machine, server);
    await server.says(/ready in/);
    const isMember = ({ phase, members }: RingView): boolean =>
      phase === 'stable' && members.some(({ self, state }) => self && state === 'up');
    if (this.config.includes(machine) && !line.includes('--seeds')) return { command: line, text: '' };
    await this.until(machine, isMember);
    return { command: line, text: server.output };
  }

  private writeConfig(machine: string): void {
    const number = Number(machine.split('.')[3]);
    const text = this.config
      .replace(/^host .*$/m, `host ${machine}`)
      .replace(/^rack .*$/m, `rack ${RACKS[(number - 1) % RACKS.length]}`);
    mkdirSync(join(this.folder.path, machine), { recursive: true });
    writeFileSync(this.fileOf(machine), this.here(machine, text));
  }

  private fileOf(machine: string): string {
    return join(this.folder.path, machine, 'ringkv.conf');
  }

  private here(machine: string, text: string): string {
    return this.addressOf(text)
      .replaceAll('/etc/ringkv.conf', this.fileOf(machine))
      .replaceAll('/var/lib/ringkv', join(this.folder.path, machine, 'data'))
      .replace(/^(until )?ringkv /, `$1${process.execPath} ${MAIN} `);
  }

  private get env(): Record<string, string> {
    const secret = 'the secret of the guide';
    return {
      ...(process.env as Record<string, string>),
      RINGKV_REQUIREPASS: this.password,
      REDISCLI_AUTH: this.password,
      RINGKV_CLUSTER_SECRET: secret,
    };
  }
}
