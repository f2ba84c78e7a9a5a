import type { Random } from './random.js';

/** Bytes that have hurt parsers before. */
const ODD = ['', '\0', '\r\n', '\xff\xfe', 'a\r\nb\0c\xff', '$-1\r\n', '{', '{}', '*', '%s'];

const INTEGERS = ['0', '1', '-1', '2', '7', '10', '-10', '100', '255', '256', '-128', '65535'];
const LIMITS = [
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775806',
  '4294967296',
  '-2147483649',
];
/** Looks like a number and is none to Redis, or only to some of its commands. */
const ALMOST = [
  ...['9223372036854775808', '-9223372036854775809', '18446744073709551615', '18446744073709551616'],
  ...['01', '-0', '+1', ' 1', '1 ', '1.0', '1e2', '0x10', '-', '+', '--1', '1\0', '\xb2', '1_000'],
];
const FLOATS = [
  ...['0.1', '-0.1', '1.5', '3.0', '1e3', '1E-3', '-2.5e2', '5.0e-17', '.5', '5.', '0x1p3', '1e17', '1e-20'],
  ...['123456789.987654321', '3.14159265358979323846', '10.50', '-0.0', '1e300', '1e4931', '-1e308'],
  ...['inf', '-inf', '+inf', 'infinity', 'nan', '1e5000', '1,5', '1.5.5', '1.5 ', ' 1.5', '1e', 'e1', 'INF'],
];

/** Never a small positive number: in the wrong place it would be an expiry that ends while the sequence runs. */
const JUNK = [
  ...['', 'abc', '-1', '0', '1.5', '9223372036854775808', ' 1', '01', '-', '\xff\0\r\n', 'NX', 'xx', 'GET'],
  ...[
    'KEEPTTL',
    'PERSIST',
    'EX',
    'GT',
    'LT',
    'REPLACE',
    'DB',
    '*',
    'MATCH',
    'COUNT',
    'HELP',
    'u8',
    'i64',
    '#0',
  ],
];

export function integer(random: Random): string {
  if (random.chance(80)) return random.pick(INTEGERS);
  return random.pick(random.chance(50) ? LIMITS : ALMOST);
}

export function float(random: Random): string {
  if (random.chance(30)) return String(random.between(-1_000_000, 1_000_000) / 10 ** random.int(8));
  return random.pick(random.chance(80) ? FLOATS : ALMOST);
}

/** Anything a key may hold. */
export function value(random: Random): string {
  switch (random.int(7)) {
    case 0:
      return random.pick(ODD);
    case 1:
    case 2:
      return integer(random);
    case 3:
      return float(random);
    case 4:
      return random.pick(['hello', 'Hello World', 'ohmytext', 'mynewtext', 'x'.repeat(45), 'ab'.repeat(600)]);
    default:
      return String.fromCharCode(...random.list(0, 12, () => random.int(256)));
  }
}

export function junk(random: Random): string {
  return random.pick(JUNK);
}

/** Far enough ahead that nothing expires while a sequence runs; no two alike by chance. Or wrong, or past. */
export function seconds(random: Random): string {
  if (random.chance(70)) return String(random.between(1000, 900_000_000));
  return random.pick([
    '0',
    '-1',
    '-1000',
    'abc',
    '',
    '1.5',
    ...LIMITS,
    '9223372036854775',
    '9999999999999999',
  ]);
}

export function milliseconds(random: Random): string {
  if (random.chance(70)) return String(random.between(1_000_000, 2_000_000_000));
  return random.pick(['0', '-1', '-100000', 'abc', '', '1.5', ...LIMITS.slice(0, 3)]);
}

/** A fixed moment: past, or in years. */
export function unixSeconds(random: Random): string {
  if (random.chance(70)) return random.pick(['4102444800', '4102444801', '4000000000', '9999999999']);
  return random.pick(['0', '1', '-1', '1700000000', 'abc', '1.5', ...LIMITS.slice(0, 3)]);
}

export function unixMilliseconds(random: Random): string {
  if (random.chance(70))
    return random.pick(['4102444800000', '4102444800001', '4000000000999', '9999999999500']);
  return random.pick(['0', '1', '-1', '1700000000000', 'abc', '1.5', ...LIMITS.slice(0, 3)]);
}

/** Few, so that commands meet. With a tag all are in one slot. */
export function keyNames(random: Random, oneSlot: boolean): string[] {
  const names = ['a', 'b', 'c', 'key:1', random.pick(ODD)];
  if (!oneSlot) return [...names, '{t}1', '{t}2'];
  const tag = `{${random.int(10_000)}}`;
  return names.map((name) => (random.chance(80) ? tag + name : `x${tag}${name}`));
}

/** As clients write it, more or less. */
export function spelled(random: Random, word: string): string {
  if (random.chance(60)) return word;
  if (random.chance(60)) return word.toLowerCase();
  return [...word].map((char) => (random.chance(50) ? char.toLowerCase() : char)).join('');
}
