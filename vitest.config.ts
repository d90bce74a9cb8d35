import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/server.ts'],
    // starting servers and making databases takes its time on a busy machine; no test asserts on time
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { interval: 20, timeout: 15_000 } },
  },
});
