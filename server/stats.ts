import type { CommandCall } from './command-call.js';
import type { CommandRow } from './commands/table.js';
import type { SettingValues } from './config/table.js';
import { LatencyEvents } from './latency-events.js';
import { SlowLog } from './slow-log.js';

/** Seconds over which the operations per second are averaged, as Redis does with 16 samples of 100 ms. */
const SAMPLES = 16;

/** What the server has done since it started (or since CONFIG RESETSTAT). */
export class Stats {
  totalConnections = 0;
  rejectedConnections = 0;
  totalCommands = 0;
  netIn = 0;
  netOut = 0;
  hits = 0;
  misses = 0;
  errorReplies = 0;
  readonly slowLog: SlowLog;
  readonly latency: LatencyEvents;
  private readonly samples: number[] = [];
  private sampledCommands = 0;
  private sampledAt = 0;

  constructor(
    private readonly values: SettingValues,
    private readonly preciseNow: () => number,
    nowMs: () => number,
  ) {
    this.slowLog = new SlowLog(() => values.slowlogMaxLen, nowMs);
    this.latency = new LatencyEvents(nowMs);
  }

  /** A command's reply is final. Times include the wait for replicas: it is what the client feels. */
  finished(row: CommandRow, call: CommandCall): void {
    this.totalCommands++;
    row.calls++;
    const usec = Math.max(0, Math.round((this.preciseNow() - call.startedAt) * 1000));
    row.usec += usec;
    row.histogram[bucketOf(usec)]++;
    if (usec > 1000) this.finishedSlowly(row, call, usec);
  }

  /** Called now and then (every 100 ms) for the rate of commands. */
  sample(): void {
    const now = this.preciseNow();
    if (this.sampledAt > 0) {
      const rate = ((this.totalCommands - this.sampledCommands) * 1000) / (now - this.sampledAt);
      this.samples.push(rate);
      if (this.samples.length > SAMPLES) this.samples.shift();
    }
    this.sampledCommands = this.totalCommands;
    this.sampledAt = now;
  }

  get commandsPerSecond(): number {
    if (this.samples.length === 0) return 0;
    return Math.round(this.samples.reduce((sum, rate) => sum + rate, 0) / this.samples.length);
  }

  reset(): void {
    this.totalConnections = 0;
    this.rejectedConnections = 0;
    this.totalCommands = 0;
    this.sampledCommands = 0;
    this.netIn = 0;
    this.netOut = 0;
    this.hits = 0;
    this.misses = 0;
    this.errorReplies = 0;
  }

  private finishedSlowly(row: CommandRow, call: CommandCall, usec: number): void {
    const { slowlogLogSlowerThan, latencyMonitorThreshold } = this.values;
    if (slowlogLogSlowerThan >= 0 && usec >= slowlogLogSlowerThan && !row.spec.flags.includes('skip_slowlog'))
      this.slowLog.add(call.argv, usec, call.client);
    if (latencyMonitorThreshold > 0 && usec >= latencyMonitorThreshold * 1000) {
      const event = row.spec.flags.includes('fast') ? 'fast-command' : 'command';
      this.latency.add(event, Math.round(usec / 1000));
    }
  }
}

/** The power of two at or above it. */
function bucketOf(usec: number): number {
  return usec <= 1 ? 0 : Math.min(31, 32 - Math.clz32(usec - 1));
}
