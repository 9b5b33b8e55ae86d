// Engines that refuse the kernel, by the words in which they do: the error says what to do there.
// Must not compile the kernel: it stays unavailable in this file.
import { GaussianMixture, initialize } from 'gaussmix';
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => vi.restoreAllMocks());

const POLICY = /content security policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src/;
const MODULE = /import the module gaussmix\/gaussmix\.wasm and `await initialize\(module\)`/;
const WORKER = /fit in a Web Worker, or use Chromium 114/;

it.each([
  // As users of each report them; runtimes.test.ts meets those of Chromium and workerd themselves.
  [
    'Chromium',
    `violates the following Content Security policy directive because 'unsafe-eval' is not allowed`,
    POLICY,
  ],
  ['Firefox', 'call to WebAssembly.Module() blocked by CSP', POLICY],
  [
    'Safari',
    "Refused to create a WebAssembly object because 'unsafe-eval' or 'wasm-unsafe-eval' is not an allowed source of " +
      'script in the following Content Security Policy directive',
    POLICY,
  ],
  ['an edge runtime', 'Wasm code generation disallowed by embedder', MODULE],
  [
    'Chromium before 114',
    'WebAssembly.Compile is disallowed on the main thread, if the buffer size is larger than 4KB.',
    WORKER,
  ],
  ['an engine without SIMD', 'invalid value type 0x7b', /It needs SIMD: Node >= 16\.4/],
])('%s', (_, words, remedy) => {
  vi.spyOn(WebAssembly, 'Module').mockImplementation(function refuse() {
    throw new WebAssembly.CompileError(words);
  });
  const fit = () => GaussianMixture.fit([1, 2, 3], { nComponents: 1 });
  expect(fit).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }));
  expect(fit).toThrow(remedy);
  expect(fit).toThrow(words);
});

it('an engine without WebAssembly', () => {
  vi.stubGlobal('WebAssembly', undefined);
  try {
    expect(() => GaussianMixture.fit([1, 2, 3], { nComponents: 1 })).toThrow(/no WebAssembly/);
  } finally {
    vi.unstubAllGlobals();
  }
});

it('initialize has the same remedies', async () => {
  vi.spyOn(WebAssembly, 'compile').mockRejectedValue(new WebAssembly.CompileError('blocked by CSP'));
  await expect(initialize()).rejects.toThrow(POLICY);
  await expect(initialize()).rejects.toMatchObject({ code: 'KERNEL_UNAVAILABLE' });
});

it('Chromium before 114 compiles ahead, but makes no instance on the main thread', async () => {
  vi.spyOn(WebAssembly, 'Instance').mockImplementation(function refuse() {
    throw new RangeError(
      'WebAssembly.Instance is disallowed on the main thread, if the buffer size is larger than 4KB.',
    );
  });
  await expect(initialize()).rejects.toMatchObject({ code: 'KERNEL_UNAVAILABLE' });
  await expect(initialize()).rejects.toThrow(WORKER);
});
