import { type CommandSpec, ONE_KEY } from '../spec.js';

/** `STORED key value` puts a value under a key of a TestBench, and `STORED key` shows it. */
export const stored: CommandSpec = {
  name: 'stored',
  arity: -2,
  flags: [],
  keys: ONE_KEY,
  since: '0.1.0',
  group: 'string',
  summary: '',
  complexity: '',
  syntax: '',
  run(call) {
    const [, key, value] = call.argv;
    if (value !== undefined) call.write(key, value, 0);
    call.reply.bulk(call.read(key)?.payload);
  },
};
