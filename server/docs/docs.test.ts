import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PAGES } from './generate.js';

describe('the reference pages', () => {
  it.each(Object.entries(PAGES))('%s is what the tables say now (else: npm run docs)', (path, page) => {
    expect(readFileSync(path, 'utf8')).toBe(page());
  });
});
