// The errors a user of the library can meet. Every one carries a stable `code` to branch on.
// Must not import anything: every other file may throw these.

/** What went wrong, in a form a program can branch on. Codes are never renamed. */
export type ErrorCode =
  /** a value of the data is NaN: rows or columns with missing values */
  | 'MISSING_VALUE'
  /** a value of the data is infinite, not a number, or too large to be squared */
  | 'INVALID_VALUE'
  /** zero rows, zero columns, ragged rows, or a shape that does not match */
  | 'INVALID_SHAPE'
  /** fewer rows than components */
  | 'TOO_FEW_ROWS'
  /** the data cannot be read as a matrix at all */
  | 'INVALID_DATA'
  /** an option name that does not exist */
  | 'UNKNOWN_OPTION'
  /** an option whose value is of the wrong kind or out of range */
  | 'INVALID_OPTION'
  /** weights, means or covariances that do not describe a mixture */
  | 'INVALID_PARAMETERS'
  /** a covariance that is not symmetric positive definite */
  | 'NOT_POSITIVE_DEFINITE'
  /** a saved model that is truncated, of another version, or inconsistent */
  | 'INVALID_MODEL'
  /** statistics that are damaged, of another version, of other parameters, or merged twice */
  | 'INVALID_STATISTICS'
  /** a checkpoint that is damaged, of another version, or of another fit than the one it is to resume */
  | 'INVALID_CHECKPOINT'
  /** data with no spread in some direction, so that no covariance exists */
  | 'DEGENERATE_DATA'
  /** more memory needed than a WebAssembly instance can have */
  | 'OUT_OF_MEMORY'
  /** WebAssembly, its SIMD instructions, or the kernel binary cannot be used here */
  | 'KERNEL_UNAVAILABLE';

/** Any error this library throws on purpose; `code` says which, `message` names the place and the remedy. */
export interface GaussmixError extends Error {
  readonly code: ErrorCode;
}

/**
 * Test for every error of this library: `error instanceof GaussmixError` holds for
 * {@link GaussmixRangeError} (also a `RangeError`) and {@link GaussmixTypeError} (also a `TypeError`),
 * and, since it goes by name, for those of another copy of the package too.
 */
export const GaussmixError: {
  readonly prototype: GaussmixError;
  [Symbol.hasInstance](value: unknown): value is GaussmixError;
  // biome-ignore lint/complexity/noStaticOnlyClass: instanceof wants a class
} = class {
  static [Symbol.hasInstance](value: unknown): value is GaussmixError {
    return (
      value instanceof Error && (value.name === 'GaussmixRangeError' || value.name === 'GaussmixTypeError')
    );
  }
} as never;

/** A value of the right kind that is out of range, or data that cannot be fitted. */
export class GaussmixRangeError extends RangeError implements GaussmixError {
  override readonly name = 'GaussmixRangeError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A value of the wrong kind. */
export class GaussmixTypeError extends TypeError implements GaussmixError {
  override readonly name = 'GaussmixTypeError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
