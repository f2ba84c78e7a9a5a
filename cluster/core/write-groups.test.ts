import { beforeEach, describe, expect, it } from 'vitest';
import { RecordScratch } from '../../storage/record-scratch.js';
import { Message } from '../messages.js';
import { CoreBench } from './coordinator.test-support.js';

let bench: CoreBench;

/** Node 0 is the first home replica of the slot; these are the others, and those behind them, in the order of the list. */
function others(): number[] {
  const { topology, slot } = bench;
  const homes = [...topology.homes(slot)];
  expect(homes[0]).toBe(0);
  return homes.slice(1);
}

/** The write is verified by a read that finds nothing, and sent. Returns what peers were sent with it. */
function send(key: string): { write: ReturnType<CoreBench['begin']>; group: number } {
  const write = bench.begin(key, 'v');
  bench.disk.settle();
  for (let i = 0; i < 2; i++) bench.answerReads({ 1: null, 2: null, 3: null, 4: null });
  bench.disk.endTurn();
  const ends = bench.sent().filter(({ type }) => type === Message.WriteEnd);
  return { write, group: ends[0]?.id ?? -1 };
}

describe('a write of which a home replica is down', () => {
  beforeEach(() => {
    bench = new CoreBench(5, true);
  });

  it('goes to the node that stands in for it, which counts', () => {
    const [second, third] = others();
    bench.topology.setAlive(second, false);
    const [standIn] = bench.topology.setOf(bench.slot).standIns;
    expect(standIn).toMatchObject({ home: second });
    const { write, group } = send('k');
    bench.disk.settle();
    expect(write.ends).toEqual([]);
    bench.coordinator.groups.acknowledged(standIn.member, group, true);
    expect(write.ends).toEqual([null]);
    bench.coordinator.groups.acknowledged(third, group, true);
    expect([...bench.hints.kept]).toEqual([]);
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('leaves a hint here when the stand-in does not confirm', () => {
    const [second, third] = others();
    bench.topology.setAlive(second, false);
    const [standIn] = bench.topology.setOf(bench.slot).standIns;
    const { group } = send('k');
    bench.coordinator.groups.acknowledged(standIn.member, group, false);
    bench.coordinator.groups.acknowledged(third, group, true);
    expect([...bench.hints.kept]).toEqual([`${second} k`]);
  });

  it('is not sent to a home replica that has fallen silent since it was made, although that is connected', () => {
    const [second, third] = others();
    const first = send('k');
    for (const peer of [second, third]) bench.coordinator.groups.acknowledged(peer, first.group, true);
    bench.disk.settle();
    const write = bench.begin('k', 'w');
    bench.topology.setAlive(third, false);
    bench.coordinator.peerDown(third);
    bench.disk.endTurn();
    const sent = bench.sent();
    expect(sent.map(({ peer }) => peer)).toEqual([second, second]);
    expect([...bench.hints.kept]).toEqual([`${third} k`]);
    bench.coordinator.groups.acknowledged(second, sent[1].id, true);
    bench.disk.settle();
    expect(write.ends).toEqual([null]);
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('leaves a hint here for a home replica that dies before it confirms, or never answers', () => {
    const [second, third] = others();
    send('k');
    bench.coordinator.groups.peerDown(second);
    expect([...bench.hints.kept]).toEqual([`${second} k`]);
    bench.now += 5000;
    bench.coordinator.tick();
    expect([...bench.hints.kept]).toEqual([`${second} k`, `${third} k`]);
    bench.disk.settle();
    expect(bench.coordinator.inFlight).toBe(0);
  });

  it('joins what earlier ones of its keys travel in, also when these would not have gone together', () => {
    const [second, third] = others();
    for (const key of ['k', 'm']) {
      const { group } = send(key);
      bench.coordinator.groups.acknowledged(second, group, true);
      bench.disk.settle();
    }
    const first = bench.begin('k', 'a');
    bench.topology.setAlive(third, false);
    const next = bench.begin('m', 'b');
    bench.answerReads({ 1: null, 2: null, 3: null, 4: null });
    bench.answerReads({ 1: null, 2: null, 3: null, 4: null });
    const both = bench.begin('m', 'c', 0, 'k');
    for (let i = 0; i < 2; i++) bench.answerReads({ 1: null, 2: null, 3: null, 4: null });
    bench.disk.endTurn();
    const ends = bench.sent().filter(({ type, peer }) => type === Message.WriteEnd && peer === second);
    expect(ends).toEqual([{ peer: second, type: Message.WriteEnd, id: expect.any(Number), value: 2 }]);
    bench.coordinator.groups.acknowledged(second, ends[0].id, true);
    bench.disk.settle();
    expect([first, next, both].map((write) => write.ends)).toEqual([[null], [null], [null]]);
  });

  it('travels with an earlier one of the same key although somebody went in between', () => {
    const [second, third] = others();
    const { group } = send('k');
    bench.coordinator.groups.acknowledged(second, group, true);
    bench.disk.settle();
    const first = bench.begin('k', 'a');
    bench.topology.setAlive(third, false);
    const next = bench.begin('k', 'b');
    for (let i = 0; i < 3; i++) bench.answerReads({ 1: null, 2: null, 3: null, 4: null });
    const both = bench.begin('k', 'c');
    bench.disk.settle();
    expect([first, next, both].map(({ ends }) => ends.length)).toEqual([0, 0, 0]);
    for (const { peer, type, id } of bench.sent())
      if (type === Message.WriteEnd) bench.coordinator.groups.acknowledged(peer, id, true);
    expect([first, next, both].map(({ ends }) => ends)).toEqual([[null], [null], [null]]);
  });
});

describe('a write behind a group commit that does not end', () => {
  const peersTold = (): number[] =>
    bench
      .sent()
      .filter(({ type }) => type === Message.WriteEnd)
      .map(({ peer }) => peer)
      .sort();

  /** A write is on its way to the disk since `ms`, and another, of a key that is known here, gathers behind it. */
  function gatherBehind(ms: number): ReturnType<CoreBench['begin']> {
    const { peers } = bench.topology.setOf(bench.slot);
    for (const key of ['k', 'm']) {
      const { group } = send(key);
      for (const peer of peers) bench.coordinator.groups.acknowledged(peer, group, true);
      bench.disk.settle();
    }
    bench.begin('k', 'w');
    bench.disk.endTurn();
    expect(peersTold()).toEqual([...peers]);
    bench.now += ms;
    const write = bench.begin('m', 'w');
    bench.disk.endTurn();
    expect(write.found).toEqual(['v']);
    return write;
  }

  const sendAhead = (): void => bench.coordinator.groups.sendAhead(new RecordScratch(bench.disk.writers));

  beforeEach(() => {
    bench = new CoreBench(5, true);
  });

  it('goes to the peers ahead of it, and is won by their word alone', () => {
    const [second, third] = others();
    const write = gatherBehind(50);
    expect(peersTold()).toEqual([]);
    sendAhead();
    const ends = bench.sent().filter(({ type }) => type === Message.WriteEnd);
    expect(ends.map(({ peer, value }) => [peer, value])).toEqual(
      [
        [second, 1],
        [third, 1],
      ].sort(),
    );
    bench.coordinator.groups.acknowledged(second, ends[0].id, true);
    expect(write.ends).toEqual([]);
    bench.coordinator.groups.acknowledged(third, ends[0].id, true);
    expect(write.ends).toEqual([null]);
    sendAhead();
    bench.disk.settle();
    expect(peersTold()).toEqual([]);
  });

  it('counts its own commit as ever once that has come', () => {
    const [second] = others();
    const write = gatherBehind(50);
    sendAhead();
    const [end] = bench.sent().filter(({ type, peer }) => type === Message.WriteEnd && peer === second);
    bench.coordinator.groups.acknowledged(second, end.id, true);
    expect(write.ends).toEqual([]);
    bench.disk.settle();
    expect(write.ends).toEqual([null]);
  });

  it('that is put again goes again', () => {
    gatherBehind(50);
    sendAhead();
    bench.sent();
    const again = bench.begin('m', 'w');
    expect(again.found).toEqual(['vw']);
    bench.disk.settle();
    expect(peersTold()).toHaveLength(2);
  });

  it('waits for one that is not slow', () => {
    gatherBehind(20);
    sendAhead();
    expect(peersTold()).toEqual([]);
  });

  it('waits where a hint has to be written with it', () => {
    bench = new CoreBench(3, true);
    bench.topology.setAlive(2, false);
    const write = gatherBehind(50);
    sendAhead();
    expect(peersTold()).toEqual([]);
    bench.disk.settle();
    const [end] = bench.sent().filter(({ type }) => type === Message.WriteEnd);
    bench.coordinator.groups.acknowledged(1, end.id, true);
    expect(write.ends).toEqual([null]);
  });
});

describe('where only home replicas count', () => {
  it('a write that cannot reach its quorum is refused before it is made', () => {
    bench = new CoreBench(5, false);
    for (const home of others()) bench.topology.setAlive(home, false);
    const write = bench.begin('k', 'v');
    expect(write.ends).toEqual(['NOQUORUM 1 of 2 needed replicas are reachable; the write was not applied']);
    expect(write.found).toEqual([]);
  });

  it('a write keeps a hint for a dead home replica at once', () => {
    bench = new CoreBench(5, false);
    const [second, third] = others();
    bench.topology.setAlive(second, false);
    const { write, group } = send('k');
    expect([...bench.hints.kept]).toEqual([`${second} k`]);
    bench.coordinator.groups.acknowledged(third, group, true);
    expect(write.ends).toEqual([]);
    bench.disk.settle();
    expect(write.ends).toEqual([null]);
  });
});

describe('a node that stands in for all', () => {
  it('refuses what it could not keep a hint for', () => {
    bench = new CoreBench(4, true);
    const foreign = bench.topology.isHome.indexOf(0);
    for (const home of bench.topology.homes(foreign)) bench.topology.setAlive(home, false);
    expect(bench.topology.firstLive[foreign]).toBe(0);
    bench.hints.full = true;
    const write = bench.begin('k', 'v', 1);
    write.reset();
    write.addKey(0, foreign, 'k');
    write.ends.length = 0;
    bench.coordinator.begin(write);
    expect(write.ends).toEqual([expect.stringContaining('OVERLOADED')]);
  });

  it('notes what was admitted, although the bound was reached before it is written', () => {
    bench = new CoreBench(4, true);
    const foreign = bench.topology.isHome.indexOf(0);
    const homes = [...bench.topology.homes(foreign)];
    for (const home of homes) bench.topology.setAlive(home, false);
    const write = bench.begin('other', null, 1);
    bench.disk.settle();
    write.reset();
    write.isWrite = true;
    write.writeLevel = 1;
    write.addKey(0, foreign, 'k');
    write.run = () => bench.coordinator.write(write, 0, 1, 'v', 0);
    bench.coordinator.begin(write);
    bench.disk.endTurn();
    bench.disk.answer();
    bench.hints.full = true;
    bench.disk.settle();
    expect(write.ends).toEqual([null, null]);
    expect([...bench.hints.kept]).toEqual([`${homes[0]} k`]);
  });
});
