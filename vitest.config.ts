import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{server,cluster,storage,compat-tests,bench}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
