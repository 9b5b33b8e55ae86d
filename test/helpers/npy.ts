// .npy files as NumPy writes them.
// Must not import the reader.

/** The bytes of a .npy file. */
export function npyBytes(
  values: ArrayLike<number>,
  shape: readonly number[],
  options: { descr?: string; fortran?: boolean; version?: number } = {},
): Buffer {
  const { descr = '<f8', fortran = false, version = 1 } = options;
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes}), }`;
  const lengthBytes = version === 1 ? 2 : 4;
  const padded = text.padEnd(64 * Math.ceil((text.length + 8 + lengthBytes + 1) / 64) - 8 - lengthBytes - 1);
  const prefix = Buffer.alloc(8 + lengthBytes);
  prefix.write('\u0093NUMPY', 'latin1');
  prefix[6] = version;
  if (version === 1) prefix.writeUInt16LE(padded.length + 1, 8);
  else prefix.writeUInt32LE(padded.length + 1, 8);
  const data = descr.endsWith('4') ? Float32Array.from(values) : Float64Array.from(values);
  return Buffer.concat([prefix, Buffer.from(`${padded}\n`), Buffer.from(data.buffer)]);
}
