import { describe, expect, it } from 'vitest';
import { TestBench } from '../test-bench.js';
import { incrByFloatCommand } from './incrbyfloat.js';
import { setCommands } from './set.js';

const NOT_FLOAT = 'ERR value is not a valid float';
const INFINITE = 'ERR increment would produce NaN or Infinity';

describe('INCRBYFLOAT', () => {
  // Every answer is that of redis-server 7.0 on x86-64.
  it.each([
    ['0', '0.1', '0.1'],
    ['0.1', '0.2', '0.3'],
    ['10.5', '0.1', '10.6'],
    ['3', '-2.9', '0.1'],
    ['0.3', '-0.3', '0'],
    ['-1e-18', '0', '0'],
    ['0', '1e-17', '0.00000000000000001'],
    ['0', '5e-18', '0'],
    ['0', '1.5e-17', '0.00000000000000002'],
    ['1e20', '0.5', '100000000000000000000'],
    ['12345678901234567890.12345', '1', '12345678901234567891'],
    ['18446744073709551615', '1', '18446744073709551616'],
    ['18446744073709551616', '1', '18446744073709551616'],
    ['0', '0x1.8p-3', '0.1875'],
    ['0', '5.', '5'],
    ['0', '3.6e-4951', '0'],
    ['0', '0e99999999999', '0'],
    ['0', '1e-5000', NOT_FLOAT],
    ['0', '1.2e4932', NOT_FLOAT],
    ['0', 'nan', NOT_FLOAT],
    ['0', ' 1', NOT_FLOAT],
    ['0', '1e', NOT_FLOAT],
    ['0', '.', NOT_FLOAT],
    ['1e4932', '1e4932', INFINITE],
    ['inf', '1', INFINITE],
  ])('%s + %s = %s', (value, amount, sum) => {
    const bench = new TestBench([...setCommands, incrByFloatCommand]);
    bench.run(['SET', 'k', value]);
    const reply = sum.startsWith('ERR') ? `-${sum}\r\n` : `$${sum.length}\r\n${sum}\r\n`;
    expect(bench.run(['INCRBYFLOAT', 'k', amount])).toBe(reply);
  });
});
