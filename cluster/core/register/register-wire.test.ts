import { beforeEach, describe, expect, it } from 'vitest';
import { Message } from '../../messages.js';
import { FrameReader } from '../../transport/frame-reader.js';
import { hlcFromMs } from '../hlc.js';
import { digestA, digestB } from '../version.js';
import type { Vote } from './acceptor.js';
import { NO_BALLOT, nextBallot } from './ballot.js';
import { Frames } from './frames.test-support.js';
import { AcceptorBench, ballot, SLOT } from './register.test-support.js';
import { RegisterWire } from './register-wire.js';
import { MAX_DRIFT, PutOperation, RegistersBench } from './registers.test-support.js';
import { encodeUnit, type Unit } from './unit.js';

const A = '{t}a';
const B = '{t}b';
const YES: Vote = { vote: 'yes', promised: ballot(4) };
const NONE: Vote = { vote: 'none', promised: NO_BALLOT };

const reader = (body: Buffer): FrameReader => new FrameReader().reset(body, 0, body.length);
const behindNumber = (body: Buffer): FrameReader => new FrameReader().reset(body, 4, body.length);

describe('messages of registers', () => {
  let bench: AcceptorBench;
  let frames: Frames;
  let wire: RegisterWire;
  beforeEach(() => {
    bench = new AcceptorBench();
    frames = new Frames(10_000);
    wire = new RegisterWire(frames.transport, bench.writers);
    bench.put(A, bench.record('a', 5));
  });
  const body = (): Buffer => frames.sent().at(-1)!.body;
  const bytesOf = (unit: Unit): Buffer => encodeUnit(unit, bench.writers);

  it('carry a question: the ballot, and digests of what the asker has of each key', () => {
    const entries = [bench.loaded(A), bench.loaded(B)];
    expect(wire.sendPrepare(1, 9, 1, SLOT, ballot(3), entries)).toBe(true);
    const record = entries[0].record!;
    expect(wire.readPrepare(reader(body()))).toEqual({
      request: 9,
      epoch: 1,
      slot: SLOT,
      ballot: ballot(3),
      keys: [
        { db: 0, key: A, a: digestA(record, bench.writers), b: digestB(record, bench.writers) },
        { db: 0, key: B, a: 0, b: 0 },
      ],
    });
  });

  it('carry an answer: the vote, the units held, and what differs from what the asker has', () => {
    const [a, b, c] = [bench.loaded(A), bench.loaded(B), bench.loaded('{t}c')];
    bench.put('{t}c', bench.record('c', 6));
    const same = { a: digestA(a.record!, bench.writers), b: digestB(a.record!, bench.writers) };
    const asked = [
      { db: 0, key: A, ...same },
      { db: 0, key: B, a: 1, b: 1 },
      { db: 0, key: '{t}c', a: 0, b: 0 },
    ];
    const units = [bench.unit(ballot(2), bench.key(A, 7)), bench.unit(ballot(3, 'c'), bench.key(B, 8))];
    wire.sendPromise(1, 9, YES, units, asked, [a, b, c]);
    expect(wire.readPromise(behindNumber(body()), SLOT, [a, b, c])).toEqual({
      ...YES,
      units,
      records: [undefined, null, c.record],
    });
  });

  it('carry a refusal without anything else', () => {
    wire.sendPromise(1, 9, NONE, [], [], []);
    expect(wire.readPromise(behindNumber(body()), SLOT, [bench.loaded(A)])).toEqual({
      ...NONE,
      units: [],
      records: [],
    });
  });

  it('carry a proposal and what came of it', () => {
    const unit = bench.unit(ballot(3), bench.key(A, 7), bench.key(B, 8));
    expect(wire.sendAccept(1, 9, 1, unit, bytesOf(unit))).toBe(true);
    expect(wire.readAccept(reader(body()))).toEqual({ request: 9, epoch: 1, unit });
    wire.sendVote(1, 9, YES);
    expect(wire.readVote(behindNumber(body()))).toEqual(YES);
  });

  it('are not sent to whom nothing can be sent, or when they are too long', () => {
    const large = bench.unit(ballot(3), {
      ...bench.key(A, 7),
      record: bench.record('x'.repeat(20_000), 7),
    });
    expect(wire.sendAccept(1, 9, 1, large, bytesOf(large))).toBe(false);
    expect(frames.sent()).toEqual([]);
    frames.deaf.add(1);
    expect(wire.sendPrepare(1, 9, 1, SLOT, ballot(3), [bench.loaded(A)])).toBe(false);
    expect(wire.sendAccept(1, 9, 1, large, bytesOf(large))).toBe(false);
    wire.sendPromise(1, 9, NONE, [], [], []);
    wire.sendVote(1, 9, NONE);
    expect(frames.sent()).toEqual([]);
  });

  it('are garbled when they answer for more keys than were asked for, or vote yes for fewer', () => {
    const [a, b] = [bench.loaded(A), bench.loaded(B)];
    const asked = [A, B].map((key) => ({ db: 0, key, a: 1, b: 1 }));
    wire.sendPromise(1, 9, YES, [], asked, [a, b]);
    const both = body();
    expect(wire.readPromise(behindNumber(both), SLOT, [a])).toBeUndefined();
    expect(wire.readPromise(behindNumber(both), SLOT, [a, b, a])).toBeUndefined();
  });

  it("are garbled when a record is not that key's", () => {
    const [a, b] = [bench.loaded(A), bench.loaded(B)];
    wire.sendPromise(1, 9, YES, [], [{ db: 0, key: A, a: 1, b: 1 }], [a]);
    expect(wire.readPromise(behindNumber(body()), SLOT, [b])).toBeUndefined();
  });

  it('are garbled when they hold units of another slot', () => {
    wire.sendPromise(1, 9, YES, [bench.unit(ballot(2), bench.key(A, 7))], [], []);
    expect(wire.readPromise(behindNumber(body()), SLOT + 1, [])).toBeUndefined();
  });

  it('are garbled when a vote is none that there is', () => {
    wire.sendVote(1, 9, YES);
    const vote = body();
    vote[4] = 3;
    expect(wire.readVote(behindNumber(vote))).toBeUndefined();
  });
});

describe('what comes over a connection', () => {
  let bench: RegistersBench;
  /** The question and the proposal of an operation that is under way. */
  let question: number;
  let operation: PutOperation;
  beforeEach(() => {
    bench = new RegistersBench();
    operation = new PutOperation(A, () =>
      bench.registers.write(0, bench.others.record('new', bench.hlc.next(bench.now, 0))),
    );
    question = bench.asked(operation);
  });

  const entryA = () => [{ db: 0, key: A, a: 0, b: 0 }];
  function prepare(): Buffer {
    bench.theirs.sendPrepare(0, 9, 1, SLOT, ballot(50), [bench.loaded(A), bench.loaded(B)]);
    return bench.written();
  }
  function accept(): Buffer {
    const unit = bench.others.unit(ballot(50), bench.others.key(A, 7), bench.others.key(B, 8));
    bench.theirs.sendAccept(0, 9, 1, unit, encodeUnit(unit, bench.disk.writers));
    return bench.written();
  }
  function promise(units: Unit[] = [bench.others.unit(ballot(1), bench.others.key(B, 7))]): Buffer {
    const entry = bench.loaded('{t}a');
    bench.theirs.sendPromise(0, question, { ...YES, promised: ballot(1, '0') }, units, entryA(), [entry]);
    return bench.written();
  }
  /** The operation's round is proposed; returns its number. */
  function proposed(): number {
    bench.take(1, Message.Promise, promise([]));
    bench.settle();
    return bench.sent(Message.Accept)[0].body.readUInt32BE(0);
  }
  function accepted(): Buffer {
    bench.theirs.sendVote(0, proposed(), { vote: 'yes', promised: nextBallot(ballot(1, '0')) });
    return bench.written();
  }
  const messages = [
    ['a question', Message.Prepare, prepare],
    ['an answer', Message.Promise, promise],
    ['a proposal', Message.Accept, accept],
    ['a vote', Message.Accepted, accepted],
  ] as const;

  it.each(messages)('closes it when %s was cut off or goes on', (_, type, make) => {
    const whole = make();
    const number = type === Message.Promise || type === Message.Accepted ? 4 : 0;
    for (let length = number; length < whole.length; length++)
      expect(bench.take(1, type, whole.subarray(0, length)), `${length}`).toBe(false);
    expect(bench.take(1, type, Buffer.concat([whole, Buffer.from([0])]))).toBe(false);
    expect(operation.ends).toEqual([]);
    expect(bench.take(1, type, whole)).toBe(true);
  });

  it.each(messages)('never throws, whatever byte of %s is wrong', (_, type, make) => {
    const whole = make();
    for (let at = 0; at < whole.length; at++)
      for (const flip of [1, 0x80, 0xff]) {
        const body = Buffer.from(whole);
        body[at] ^= flip;
        expect(typeof bench.take(1, type, body)).toBe('boolean');
        bench.settle();
      }
  });

  it('takes an operation through a round: asked, proposed, confirmed', () => {
    expect(bench.take(1, Message.Accepted, accepted())).toBe(true);
    bench.settle();
    expect(operation.ends).toEqual([null]);
    expect(bench.others.value(A)).toBe('new');
  });

  it('is let go by when it is late, whatever it says', () => {
    const late = promise();
    late.writeUInt32BE(77, 0);
    expect(bench.take(1, Message.Promise, late)).toBe(true);
    const vote = accepted();
    vote.writeUInt32BE(77, 0);
    expect(bench.take(1, Message.Accepted, vote)).toBe(true);
    bench.settle();
    expect(operation.ends).toEqual([]);
  });

  it('closes it when it asks about a slot that there is not, or keys that are not of the slot', () => {
    bench.theirs.sendPrepare(0, 9, 1, 16384, ballot(50), []);
    expect(bench.take(1, Message.Prepare, bench.written())).toBe(false);
    bench.theirs.sendPrepare(0, 9, 1, SLOT + 1, ballot(50), [bench.loaded(A)]);
    expect(bench.take(1, Message.Prepare, bench.written())).toBe(false);
  });

  it('is no vote, and nothing of it is held, when a version is from a clock too far ahead', () => {
    const hlc = hlcFromMs(bench.now + MAX_DRIFT + 1);
    const unit = bench.others.unit(ballot(50), bench.others.key(B, hlc));
    bench.theirs.sendAccept(0, 9, 1, unit, encodeUnit(unit, bench.disk.writers));
    expect(bench.take(1, Message.Accept, bench.written())).toBe(true);
    bench.settle();
    const [vote] = bench.sent(Message.Accepted);
    expect(bench.theirs.readVote(behindNumber(vote.body))).toEqual(NONE);
    expect(bench.registers.held.size).toBe(0);
    bench.take(1, Message.Promise, promise([unit]));
    bench.settle();
    expect(bench.sent(Message.Accept)).toEqual([]);
    expect(bench.warnings).toHaveLength(2);
  });
});
