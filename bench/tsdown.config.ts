import { defineConfig, type UserConfig } from 'tsdown';

// Benchmarks read TypeScript sources, which Node 20 cannot run: they are bundled first.
export default defineConfig({
  entry: {
    'fit.bench': 'fit.bench.ts',
    'compat.bench': 'compat.bench.ts',
    'formats.bench': 'formats.bench.ts',
  },
  outDir: '../build/bench',
  format: ['esm'],
  platform: 'node',
  target: 'node20',
  dts: false,
}) as UserConfig;
