import { DECLINED } from '../cluster/forwarder.js';
import { decodeRequest, encodeOutcome, type RemoteSettings } from './call-codec.js';
import { ClientState } from './client.js';
import type { CallOwner, CommandCall } from './command-call.js';
import { ExecRun } from './exec-run.js';
import type { Executor } from './executor.js';
import { Transaction } from './transaction.js';
import { WatchRead } from './watch-read.js';

/** Runs what other nodes forward to the coordinator of a key. */
export class RemoteCommands {
  /** Stands for the clients of other nodes, whose own state came along with the command. */
  private readonly nobody: ClientState;

  constructor(private readonly executor: Executor) {
    const { server } = executor;
    this.nobody = new ClientState(0, 'another node', '', server.nowMs(), false, () => {}, noBuffers);
    this.nobody.transaction = new Transaction(this.nobody, executor);
  }

  /** `deadline`: by `Clock.elapsed`; nobody waits for the answer any more from then on. */
  run(payload: string, deadline: number, reply: (answer: string) => void): void {
    const { server, node, coordinator } = this.executor;
    const decline = (): void => reply(DECLINED);
    const request = decodeRequest(payload, server.table);
    if (request === undefined) return reply('-ERR a garbled command from another node\r\n');
    const now = server.nowMs();
    if (request.kind === 'exec') {
      const { settings, queued, watches } = request;
      const run = new ExecRun(this.executor, this.nobody, settings, queued, watches, now, (outcome) => {
        reply(encodeOutcome(outcome));
      });
      run.deadline = deadline;
      node.takeForwarded(run, () => run.start(), decline);
      return;
    }
    if (request.kind === 'watch') {
      const read = new WatchRead(this.executor, request.settings, request.keys, now, (outcome) => {
        reply(encodeOutcome(outcome));
      });
      read.deadline = deadline;
      node.takeForwarded(read, () => coordinator.begin(read), decline);
      return;
    }
    const row = server.table.resolve(request.argv);
    if (typeof row === 'string' || !row.hasKeys)
      return reply('-ERR another node sent a command that is not known here\r\n');
    const call = this.executor.newCall();
    call.init(request.argv, row, this.nobody, new RemoteOwner(reply), now);
    applySettings(call, request.settings);
    call.takeKeys(row.keysOf(call.argv, call.db));
    call.deadline = deadline;
    node.takeForwarded(call, () => coordinator.begin(call), decline);
  }
}

class RemoteOwner implements CallOwner {
  constructor(private readonly reply: (answer: string) => void) {}

  ran(): void {}

  finished(call: CommandCall): void {
    const bytes = call.reply.take();
    this.reply(typeof bytes === 'string' ? bytes : bytes.join(''));
  }
}

function applySettings(call: CommandCall, settings: RemoteSettings): void {
  call.db = settings.db;
  call.reply.resp = settings.resp;
  call.takeLevels(settings);
}

function noBuffers(): { output: number; input: number } {
  return { output: 0, input: 0 };
}
