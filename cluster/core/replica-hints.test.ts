import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyRecord } from '../../storage/record.js';
import { RecordScratch } from '../../storage/record-scratch.js';
import { fnv1a } from '../../storage/writers.js';
import { Message } from '../messages.js';
import { FrameReader } from '../transport/frame-reader.js';
import { FrameWriter } from '../transport/frame-writer.js';
import { CoreBench } from './coordinator.test-support.js';
import { hlcFromMs } from './hlc.js';

let bench: CoreBench;
beforeEach(() => {
  bench = new CoreBench(4);
});

/** Peer 1 hands over what this node has missed. */
function hint(id: number, key: string, record: KeyRecord, slot = bench.slot): boolean {
  const scratch = new RecordScratch(bench.disk.writers);
  const length = scratch.encode(record, fnv1a(key));
  const message = new FrameWriter(1 << 20);
  message.begin();
  message.u32(id);
  message.u8(0);
  message.u16(slot);
  message.latin1(key);
  message.bytes(scratch.buffer, 0, length);
  message.end();
  const bytes = message.take();
  return bench.replica.onHint(1, new FrameReader().reset(bytes, 4, bytes.length));
}

/** The acknowledgements since the last call: `id yes`. */
const acks = (): string[] =>
  bench
    .sent()
    .filter(({ type }) => type === Message.HintAck)
    .map(({ id, value }) => `${id} ${value === 1 ? 'safe' : 'failed'}`);

describe('a record handed over', () => {
  it('is acknowledged once it is in the log, not before', () => {
    bench.load('k');
    hint(7, 'k', bench.record('missed', 1));
    expect(acks()).toEqual([]);
    bench.disk.endTurn();
    expect(acks()).toEqual([]);
    bench.disk.answer();
    expect(acks()).toEqual(['7 safe']);
    expect(bench.load('k')).toBe('missed');
  });

  it('is merged with what is on the disk: what is newer here stays', () => {
    bench.onDisk('k', bench.record('newer', 2));
    hint(7, 'k', bench.record('missed', 1));
    bench.disk.settle();
    expect([acks(), bench.load('k')]).toEqual([['7 safe'], 'newer']);
  });

  it('takes the place of a damaged one', () => {
    bench.onDisk('k', bench.record('old', 1));
    bench.damage('k');
    hint(7, 'k', bench.record('missed', 2));
    bench.disk.settle();
    expect([acks(), bench.load('k')]).toEqual([['7 safe'], 'missed']);
  });

  it('that could not be written is not acknowledged as safe', () => {
    bench.disk.writeFailure = new Error('full');
    hint(7, 'k', bench.record('missed', 1));
    bench.disk.settle();
    expect(acks()).toEqual(['7 failed']);
  });

  it('that came twice while the first is on its way to the log waits for it', () => {
    bench.load('k');
    hint(7, 'k', bench.record('missed', 1));
    bench.disk.endTurn();
    hint(8, 'k', bench.record('missed', 1));
    expect(acks()).toEqual([]);
    bench.disk.settle();
    expect(acks()).toEqual(['7 safe', '8 safe']);
  });

  it('is refused when this node is no home replica of the key', () => {
    const foreign = bench.topology.isHome.indexOf(0);
    expect(hint(7, 'k', bench.record('missed', 1), foreign)).toBe(true);
    bench.disk.settle();
    expect(acks()).toEqual(['7 failed']);
    expect(bench.store.counters.committedRecords).toBe(0);
  });

  it('is refused when its clock is too far ahead', () => {
    const hlc = hlcFromMs(bench.now + 3_600_000);
    const record = { ...bench.record('missed', 1), context: [bench.otherWriter, hlc] };
    hint(7, 'k', record);
    bench.disk.settle();
    expect([acks(), bench.load('k')]).toEqual([['7 failed'], null]);
  });

  it('is not mixed up with a group of writes of the same number', () => {
    bench.write(1, 7, 'written', bench.record('one', 1));
    hint(7, 'missed', bench.record('two', 2));
    bench.disk.settle();
    expect(acks()).toEqual(['7 safe']);
    bench.writeEnd(1, 7, 1);
    bench.disk.settle();
    expect(bench.sent()).toEqual([{ peer: 1, type: Message.WriteAck, id: 7, value: 1 }]);
  });

  it('is acknowledged to nobody when the connection it came over has ended', () => {
    hint(7, 'k', bench.record('missed', 1));
    bench.replica.peerDown(1);
    bench.disk.settle();
    expect(bench.sent()).toEqual([]);
  });

  it('is garbled when it is cut short', () => {
    expect(bench.replica.onHint(1, new FrameReader().reset(Buffer.alloc(9), 0, 9))).toBe(false);
  });
});
