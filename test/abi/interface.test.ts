// The binary's face is what docs/ABI.md says: imports, exports, types, version. Nothing is computed here.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { documentedFunctions, documentedSections } from '../helpers/abi-document.ts';
import { BINARY_URL, instantiate, kernelModule } from '../helpers/kernel-memory.ts';
import { type ExportedFunction, readInterface } from '../helpers/wasm-binary.ts';

const binary = new Uint8Array(readFileSync(BINARY_URL));
const face = readInterface(binary);
const documented = documentedFunctions();

describe('the module', () => {
  it('imports nothing and instantiates with an empty object, or with none', () => {
    expect(WebAssembly.Module.imports(kernelModule())).toEqual([]);
    expect(() => new WebAssembly.Instance(kernelModule(), {})).not.toThrow();
    expect(() => new WebAssembly.Instance(kernelModule())).not.toThrow();
  });

  it('has no start function, import or tag section', () => {
    const [IMPORT, START, TAG] = [2, 8, 13];
    for (const id of [IMPORT, START, TAG]) expect(face.sections).not.toContain(id);
  });

  it('exports one memory that is neither shared nor limited and starts with a page', () => {
    expect(face.exports.get('memory')).toEqual({
      kind: 'memory',
      minimumPages: 1,
      hasMaximum: false,
      shared: false,
    });
  });

  it('exports its version as an immutable i32 global: 1.3', () => {
    expect(face.exports.get('gmm_abi_version')).toEqual({ kind: 'global', type: 'i32', mutable: false });
    const version = instantiate().gmm_abi_version;
    expect(version).toBeInstanceOf(WebAssembly.Global);
    expect(version.value).toBe((1 << 16) | 3);
    expect(() => {
      version.value = 0;
    }).toThrow(TypeError);
  });

  it('uses no relaxed SIMD or atomics and never grows its memory', () => {
    const source = readFileSync(new URL('../../build/gaussmix.wat', import.meta.url), 'utf8');
    expect(source).not.toMatch(/relaxed|\.atomic|memory\.grow|memory\.atomic/);
    expect(source).toMatch(/f64x2\.mul/);
  });

  it('leaves most of its first page to the host', () => {
    const base = instantiate().gmm_heap_base() >>> 0;
    expect(base).toBeGreaterThan(0);
    expect(base).toBeLessThan(8192);
  });
});

describe('docs/ABI.md', () => {
  it('lists exactly the functions that are exported', () => {
    const exported = [...face.exports].filter(([, entry]) => entry.kind === 'function').map(([name]) => name);
    expect(documented.map(({ name }) => name).sort()).toEqual(exported.sort());
    expect([...face.exports.keys()].filter((name) => !name.startsWith('gmm_'))).toEqual(['memory']);
    expect(WebAssembly.Module.exports(kernelModule()).length).toBe(documented.length + 2);
  });

  it.each(documented.map(({ name }) => name))('gives the signature of %s', (name) => {
    const { parameters, results } = documented.find((entry) => entry.name === name)!;
    const exported = face.exports.get(name) as ExportedFunction;
    expect(exported.parameters).toEqual(parameters.map(({ type }) => type));
    expect(exported.results).toEqual(results);
    const callable = instantiate()[name as 'gmm_pack'];
    expect(callable.length).toBe(parameters.length);
    // Hosts in any language can call it: no i64, no vectors, one result.
    expect(
      [...exported.parameters, ...exported.results].every((type) => type === 'i32' || type === 'f64'),
    ).toBe(true);
    expect(exported.results.length).toBeLessThanOrEqual(1);
  });

  it('describes every function in a section of its own, parameters that need it included', () => {
    const sections = documentedSections();
    expect([...sections.keys()]).toEqual(documented.map(({ name }) => name));
    // Those that the sections on layouts define once for all.
    const common = ['form', 'n', 'd', 'k', 'target', 'source', 'count'];
    for (const { name, parameters } of documented) {
      const text = sections.get(name)!;
      expect(text.length, name).toBeGreaterThan(40);
      for (const parameter of parameters) {
        if (!common.includes(parameter.name)) expect(text, name).toContain(`\`${parameter.name}\``);
      }
    }
  });
});
