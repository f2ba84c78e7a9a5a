import { describe, expect, it } from 'vitest';
import { WriterTable, writerId } from '../../../storage/writers.js';
import { isSerial, SerialNames, serialTwin, serialWriterId } from './serial-names.js';

const NODE = 'b'.repeat(32);

function bench() {
  const writers = new WriterTable();
  let made = 0;
  const common = writers.index(serialWriterId(NODE, 0));
  const names = new SerialNames(common, () => writers.index(serialWriterId('c'.repeat(32), made++)));
  return { names, common, made: () => made };
}

describe('names of serial versions', () => {
  it('are others in each life of a node, and never those of its plain versions', () => {
    const writers = new WriterTable();
    const ids = [0, 1, 2, 255, 256, 32_767].map((life) => serialWriterId(NODE, life));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(isSerial(writers, writers.index(id))).toBe(true);
    expect(isSerial(writers, writers.index(writerId(NODE, 3)))).toBe(false);
    expect(serialWriterId(NODE, 3)).toBe(serialTwin(writerId(NODE, 3)));
  });

  it('are one for all keys, until a version of one was not chosen', () => {
    const { names, common } = bench();
    expect(names.of(0, 'a')).toBe(common);
    names.orphaned([{ db: 0, key: 'a', writer: common }]);
    expect(names.of(0, 'a')).not.toBe(common);
    expect(names.of(0, 'b')).toBe(common);
    expect(names.of(1, 'a')).toBe(common);
  });

  it('change for all keys of a unit, and once for each orphan', () => {
    const { names, common, made } = bench();
    const first = [
      { db: 0, key: 'a', writer: common },
      { db: 0, key: 'b', writer: common },
    ];
    names.orphaned(first);
    names.orphaned(first);
    expect(made()).toBe(2);
    expect(names.of(0, 'a')).not.toBe(names.of(0, 'b'));
    const second = names.of(0, 'a');
    names.orphaned([{ db: 0, key: 'a', writer: second }]);
    expect(names.of(0, 'a')).not.toBe(second);
    expect(names.of(0, 'a')).not.toBe(common);
  });

  it('do not change with what others have made', () => {
    const { names, common } = bench();
    names.orphaned([{ db: 0, key: 'a', writer: common + 1 }]);
    expect(names.of(0, 'a')).toBe(common);
  });

  it('that were used up come back for no key, however many there were', () => {
    const { names, common } = bench();
    const used = new Map<string, number>();
    for (let i = 0; i <= 10_000; i++) {
      const key = `k${i}`;
      const writer = names.of(0, key);
      used.set(key, writer);
      names.orphaned([{ db: 0, key, writer }]);
    }
    for (const [key, writer] of used) expect(names.of(0, key)).not.toBe(writer);
    expect(names.of(0, 'never an orphan')).not.toBe(common);
  });
});
