// The bytes of a table of text, as much of them as is looked at, and its rows cut into cells.
// Must not know what cells mean.
import type { ByteSource } from './bytes.ts';

const QUOTE = 34;
const BLANKS: ReadonlySet<number> = new Set([9, 11, 12, 13, 32]);

/** How rows and cells are told apart, in bytes of UTF-8. */
export interface ByteFormat {
  readonly newline: number;
  /** One character. */
  readonly delimiter: Uint8Array;
}

/** A row as text. */
export interface TextRow {
  readonly cells: string[];
  /** Line breaks within its cells. */
  readonly breaks: number;
  /** Where the row after it begins. */
  readonly next: number;
}

/** What is wrong with the quotes of a row. */
export class QuoteError extends Error {}

/** A window on a text in UTF-8: the bytes from `start` to `end` are there to be read. */
export class TextWindow {
  bytes: Buffer;
  start = 0;
  end = 0;
  /** Nothing comes after `end`. */
  atEnd = false;
  readonly #source: ByteSource;
  readonly #newline: number;

  constructor(source: ByteSource, newline: number, size: number) {
    this.#source = source;
    this.#newline = newline;
    this.bytes = Buffer.alloc(size + 1);
  }

  /** Bytes held at once, at most. */
  get size(): number {
    return this.bytes.length - 1;
  }

  /**
   * Reads on: drops what lies before `start`, and fills the window. Where nothing can be dropped, it becomes twice as
   * large. The byte at `end` is a line break, so that a search for one needs no other bound.
   */
  async fill(): Promise<void> {
    const kept = this.end - this.start;
    if (kept === this.size) {
      const larger = Buffer.alloc(2 * this.size + 1);
      larger.set(this.bytes.subarray(this.start, this.end));
      this.bytes = larger;
    } else {
      this.bytes.copyWithin(0, this.start, this.end);
    }
    const wanted = this.bytes.subarray(kept, this.size);
    const filled = await this.#source.readInto(wanted);
    this.start = 0;
    this.end = kept + filled;
    this.atEnd = filled < wanted.length;
    this.bytes[this.end] = this.#newline;
  }

  text(start: number, end: number): string {
    return this.bytes.toString('utf8', start, end);
  }
}

/**
 * The row that begins at `start`, in which cells may be quoted, as in RFC 4180.
 * @returns undefined where the window ends before the row does
 * @throws QuoteError for a quoted cell that is never closed, or followed by text
 */
export function splitRow(
  window: TextWindow,
  { newline, delimiter }: ByteFormat,
  start: number,
): TextRow | undefined {
  const { bytes, end, atEnd } = window;
  const isDelimiter = (at: number): boolean =>
    bytes[at] === delimiter[0] &&
    (delimiter.length === 1 || delimiter.every((byte, i) => at + i < end && bytes[at + i] === byte));
  const cells: string[] = [];
  let breaks = 0;
  for (let at = start; ; at += delimiter.length) {
    if (bytes[at] === QUOTE && at < end) {
      const cellStart = ++at;
      let doubled = false;
      for (; ; at++) {
        if (at >= end) {
          if (!atEnd) return undefined;
          throw new QuoteError('is never closed');
        }
        if (bytes[at] === newline) breaks++;
        if (bytes[at] !== QUOTE) continue;
        if (at + 1 >= end || bytes[at + 1] !== QUOTE) break;
        doubled = true;
        at++;
      }
      const text = window.text(cellStart, at++);
      cells.push(doubled ? text.replaceAll('""', '"') : text);
      while (at < end && BLANKS.has(bytes[at]) && bytes[at] !== newline && !isDelimiter(at)) at++;
      if (!atEnd && at + delimiter.length > end) return undefined;
      if (at < end && bytes[at] !== newline && !isDelimiter(at)) {
        throw new QuoteError('has text after its closing quote');
      }
    } else {
      const cellStart = at;
      while (at < end && bytes[at] !== newline && !isDelimiter(at)) at++;
      cells.push(window.text(cellStart, at));
    }
    if (at >= end) return atEnd ? { cells, breaks, next: end } : undefined;
    if (bytes[at] === newline) return { cells, breaks, next: at + 1 };
  }
}
