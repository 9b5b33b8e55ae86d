// Elementary functions of many numbers at once, by the kernel: engines differ in the last bit of Math.log.
// Must not know what the numbers are.
import { GaussmixTypeError } from './errors.ts';
import { BLOCK, withKernel } from './kernel.ts';
import { describeValue } from './value-rules.ts';

/**
 * Natural logarithms by the kernel: the same bits on every machine and engine, which `Math.log` does not promise. For
 * programs that go on computing with a model's results and want those reproducible too.
 *
 * @param values any numbers
 * @returns a new array, ln of each: error at most 1 ULP; -Infinity at 0, NaN below 0 and for NaN. O(n)
 * @throws GaussmixTypeError INVALID_DATA when `values` is not a Float64Array
 * @example
 * import { naturalLogarithms } from 'gaussmix';
 * console.log(naturalLogarithms(Float64Array.of(1, 10))); // Float64Array [0, 2.302585092994046]
 */
export function naturalLogarithms(values: Float64Array): Float64Array {
  if (!(values instanceof Float64Array)) {
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `naturalLogarithms: values are ${describeValue(values)}; they must be a Float64Array`,
    );
  }
  const result = new Float64Array(values.length);
  const most = Math.min(values.length, BLOCK);
  return withKernel(8 * most, (kernel) => {
    const at = kernel.allocate(most);
    for (let start = 0; start < values.length; start += BLOCK) {
      const count = Math.min(BLOCK, values.length - start);
      kernel.view(at, count).set(values.subarray(start, start + count));
      kernel.exports.gmm_log(at, at, count);
      result.set(kernel.view(at, count), start);
    }
    return result;
  });
}
