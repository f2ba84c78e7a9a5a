import { defineConfig } from 'vitest/config';

const common = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    globalSetup: 'compat-tests/harness/ensure-redis.ts',
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...common,
          name: 'code',
          include: ['{server,cluster,storage,bench}/**/*.test.ts', 'compat-tests/tidy/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Real servers, some killed or cut off in the middle: one file at a time, so that they have the machine.
        test: {
          ...common,
          name: 'servers',
          include: ['compat-tests/*.test.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
