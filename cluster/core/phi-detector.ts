import { grown } from './grown.js';

/** Intervals kept of each peer: at five signs a second the last twenty seconds. */
const WINDOW = 100;
/** phi of a silence that no number would make more certain. */
const CERTAIN = 999;

/**
 * Phi accrual failure detection (Hayashibara, Défago, Yared, Katayama: "The φ Accrual Failure Detector", SRDS 2004, in the form
 * of Akka's `PhiAccrualFailureDetector`): not "dead or alive", but how unlikely the present silence is, given how regularly the
 * peer was heard before. phi 8 means: a peer as regular as this one is silent for so long once in 10^8 times.
 *
 * One detector serves all peers of a node. Times are whatever clock the owner counts by, ms.
 */
export class PhiDetector {
  /** A silence up to this is nothing: phi is far below 1. */
  readonly calmMs: number;
  /** Added to the mean: a busy disk or a collection of garbage is not news. */
  private readonly pauseMs: number;
  /** A peer that was regular to the millisecond is not dead for being late by two. */
  private readonly minDeviationMs: number;
  /** A longer silence counts as this long: one stop of a minute must not make the next one invisible. */
  private readonly longestMs: number;
  private last = new Float64Array();
  private sampledAt = new Float64Array();
  /** The longest silence since the last sample was taken. */
  private worst = new Float64Array();
  private window = new Uint16Array();
  private samples = new Uint32Array();
  private sum = new Float64Array();
  private sumOfSquares = new Float64Array();

  constructor(
    /** A peer that has nothing to say is heard so often, ms. */
    private readonly expectedMs: number,
  ) {
    this.pauseMs = Math.max(250, 1.25 * expectedMs);
    this.minDeviationMs = Math.max(100, expectedMs / 2);
    this.longestMs = Math.min(5 * expectedMs, 0xffff);
    this.calmMs = expectedMs + this.pauseMs;
  }

  /** Makes room for peers with numbers below this. */
  grow(peers: number): void {
    this.last = grown(this.last, peers);
    this.sampledAt = grown(this.sampledAt, peers);
    this.worst = grown(this.worst, peers);
    this.window = grown(this.window, peers * WINDOW);
    this.samples = grown(this.samples, peers);
    this.sum = grown(this.sum, peers);
    this.sumOfSquares = grown(this.sumOfSquares, peers);
  }

  /** How long the peer has not been heard. */
  silence(peer: number, now: number): number {
    return now - this.last[peer];
  }

  /** The peer is met anew: the silence before says nothing, what is known of its regularity still does. */
  greet(peer: number, now: number): void {
    this.last[peer] = now;
    this.sampledAt[peer] = now;
    this.worst[peer] = 0;
  }

  /**
   * A sign of life. Much traffic does not make silence suspicious, for it may end: one sample is taken per expected interval,
   * the longest silence in it, and none counts as shorter than that interval.
   */
  heard(peer: number, now: number): void {
    const silence = now - this.last[peer];
    this.last[peer] = now;
    if (silence > this.worst[peer]) this.worst[peer] = silence;
    if (now - this.sampledAt[peer] < this.expectedMs) return;
    this.sample(peer, Math.min(Math.max(this.worst[peer], this.expectedMs), this.longestMs));
    this.worst[peer] = 0;
    this.sampledAt[peer] = now;
  }

  /** -log10 of the probability that a living peer would be silent for at least so long. */
  phi(peer: number, now: number): number {
    const count = Math.min(this.samples[peer], WINDOW);
    const mean = count === 0 ? this.expectedMs : this.sum[peer] / count;
    const variance = count === 0 ? 0 : Math.max(0, this.sumOfSquares[peer] / count - mean * mean);
    const deviation = Math.max(Math.sqrt(variance), this.minDeviationMs);
    const y = (this.silence(peer, now) - mean - this.pauseMs) / deviation;
    // The logistic approximation of the normal distribution's tail: 1 / (1 + e^x).
    const x = y * (1.5976 + 0.070566 * y * y);
    const phi = x > 30 ? x / Math.LN10 : Math.log10(1 + Math.exp(x));
    return Math.min(phi, CERTAIN);
  }

  private sample(peer: number, interval: number): void {
    const rounded = Math.round(interval);
    const at = peer * WINDOW + (this.samples[peer] % WINDOW);
    const old = this.samples[peer] >= WINDOW ? this.window[at] : 0;
    this.window[at] = rounded;
    this.samples[peer]++;
    this.sum[peer] += rounded - old;
    this.sumOfSquares[peer] += rounded * rounded - old * old;
  }
}
