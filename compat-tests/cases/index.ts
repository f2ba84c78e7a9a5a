import { bitmapCases } from './bitmaps.js';
import { genericCases } from './generic.js';
import type { Cases } from './script.js';
import { serverCases } from './servers.js';
import { stringCases } from './strings.js';
import { transactionCases } from './transactions.js';

export const families: Readonly<Record<string, Cases>> = {
  strings: stringCases,
  bitmaps: bitmapCases,
  keys: genericCases,
  transactions: transactionCases,
  server: serverCases,
};
