import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: {
      'gaussmix/inference': fileURLToPath(new URL('./src/inference/index.ts', import.meta.url)),
      'gaussmix/online': fileURLToPath(new URL('./src/online.ts', import.meta.url)),
      'gaussmix/exchange': fileURLToPath(new URL('./src/exchange.ts', import.meta.url)),
      gaussmix: fileURLToPath(new URL('./src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
}) as object;
