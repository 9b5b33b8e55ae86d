// Reads what a foreign toolchain would read from a Wasm binary: the types of its exports. Must not instantiate it.

export interface ExportedFunction {
  kind: 'function';
  parameters: string[];
  results: string[];
}
export interface ExportedGlobal {
  kind: 'global';
  type: string;
  mutable: boolean;
}
export interface ExportedMemory {
  kind: 'memory';
  minimumPages: number;
  hasMaximum: boolean;
  shared: boolean;
}
export type Exported = ExportedFunction | ExportedGlobal | ExportedMemory;

export interface WasmInterface {
  exports: Map<string, Exported>;
  /** Numbers of the sections, in their order. */
  sections: number[];
}

const TYPES: Record<number, string> = { 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64', 123: 'v128' };

class Reader {
  at: number = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.at++];
  }

  /** An unsigned number, or the bits of a signed one: LEB128. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Uint8Array {
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.number() }, read);
  }
}

/** The interface of a module without imports. */
export function readInterface(bytes: Uint8Array): WasmInterface {
  const reader = new Reader(bytes);
  reader.take(8); // "\0asm", version 1
  const sections = new Map<number, Reader>();
  while (!reader.done) {
    const id = reader.byte();
    sections.set(id, new Reader(reader.take(reader.number())));
  }
  const section = <T>(id: number, read: (from: Reader) => T): T[] => {
    const from = sections.get(id);
    return from ? from.list(() => read(from)) : [];
  };
  const valueType = (from: Reader): string => TYPES[from.byte()] ?? 'unknown';
  const types = section(1, (from): ExportedFunction => {
    from.byte(); // 0x60
    return {
      kind: 'function',
      parameters: from.list(() => valueType(from)),
      results: from.list(() => valueType(from)),
    };
  });
  const functions = section(3, (from) => types[from.number()]);
  const memories = section(5, (from): ExportedMemory => {
    const flags = from.byte();
    const minimumPages = from.number();
    if (flags & 1) from.number();
    return { kind: 'memory', minimumPages, hasMaximum: (flags & 1) === 1, shared: (flags & 2) === 2 };
  });
  const globals = section(6, (from): ExportedGlobal => {
    const type = valueType(from);
    const mutable = from.byte() === 1;
    from.byte(); // i32.const, i64.const, f32.const or f64.const
    if (type === 'f64') from.take(8);
    else if (type === 'f32') from.take(4);
    else from.number();
    from.byte(); // end
    return { kind: 'global', type, mutable };
  });
  const spaces: Record<number, Exported[]> = { 0: functions, 2: memories, 3: globals };
  const exports = section(7, (from): [string, Exported] => {
    const name = new TextDecoder().decode(from.take(from.number()));
    return [name, spaces[from.byte()][from.number()]];
  });
  return { exports: new Map(exports), sections: [...sections.keys()] };
}
