import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const START_PATIENCE_MS = 20_000;

/** A server process of a test's own. Its output is kept for when something goes wrong. */
export class TestProcess {
  output = '';
  private readonly child: ChildProcess;
  private exited: Promise<number | null>;

  constructor(command: string, args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (bytes: Buffer): void => {
      this.output += bytes.toString();
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      // Not 'exit': output may still be on its way then.
      this.child.once('close', (code) => resolve(code));
    });
    this.exited.catch(() => {});
  }

  get pid(): number {
    return this.child.pid!;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves once the output matches; rejects with the output when the process ends or it takes too long. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + START_PATIENCE_MS;
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      if (!this.running || Date.now() > deadline) throw new Error(`never said ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** The exit code, null after a signal. */
  ended(): Promise<number | null> {
    return this.exited;
  }

  /** Ends it by a signal and waits for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.running) this.child.kill(signal);
    if (this.child.pid === undefined) await once(this.child, 'error').catch(() => {});
    return this.exited;
  }
}
