// The options of each command, and how the text of a value becomes a value.
// Must not know what the options are for: arguments.ts gives them their meaning and defaults.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseBytes } from './byte-size.ts';
import { oneLine, quote, UsageError } from './failure.ts';
import type { CommandName } from './help.ts';

type OptionSpecs = NonNullable<ParseArgsConfig['options']>;

const COMMON: OptionSpecs = {
  help: { type: 'boolean', short: 'h' },
  quiet: { type: 'boolean', short: 'q' },
};
const OUTPUT: OptionSpecs = { output: { type: 'string', short: 'o' } };
const DATA: OptionSpecs = {
  columns: { type: 'string' },
  header: { type: 'boolean' },
  'no-header': { type: 'boolean' },
};
const MISSING: OptionSpecs = { missing: { type: 'string' } };

const FITTING: OptionSpecs = {
  components: { type: 'string', short: 'k' },
  covariance: { type: 'string' },
  init: { type: 'string' },
  'n-init': { type: 'string' },
  'short-runs': { type: 'string' },
  'max-iterations': { type: 'string' },
  tolerance: { type: 'string' },
  regularization: { type: 'string' },
  prior: { type: 'boolean' },
  seed: { type: 'string' },
  ...MISSING,
  weights: { type: 'string' },
  json: { type: 'boolean' },
  verbose: { type: 'boolean', short: 'v' },
};

const OPTIONS: Readonly<Record<CommandName, OptionSpecs>> = {
  fit: {
    ...COMMON,
    ...OUTPUT,
    ...DATA,
    ...FITTING,
    'group-by': { type: 'string' },
    threads: { type: 'string' },
    memory: { type: 'string' },
    temporary: { type: 'string' },
    checkpoint: { type: 'string' },
    resume: { type: 'boolean' },
  },
  select: {
    ...COMMON,
    ...OUTPUT,
    ...DATA,
    ...FITTING,
    criterion: { type: 'string' },
    report: { type: 'string' },
    threads: { type: 'string' },
  },
  predict: { ...COMMON, ...OUTPUT, ...DATA, ...MISSING, proba: { type: 'boolean' } },
  score: { ...COMMON, ...DATA, ...MISSING, samples: { type: 'boolean' }, json: { type: 'boolean' } },
  sample: { ...COMMON, ...OUTPUT, number: { type: 'string', short: 'n' }, seed: { type: 'string' } },
  impute: { ...COMMON, ...OUTPUT, ...DATA },
  report: { ...COMMON, ...OUTPUT, ...DATA, ...MISSING, weights: { type: 'string' } },
  accumulate: {
    ...COMMON,
    ...OUTPUT,
    ...DATA,
    ...MISSING,
    weights: { type: 'string' },
    'first-row': { type: 'string' },
  },
  maximize: {
    ...COMMON,
    ...OUTPUT,
    covariance: { type: 'string' },
    regularization: { type: 'string' },
    prior: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  spark: {
    ...COMMON,
    ...OUTPUT,
    ...FITTING,
    ...MISSING,
    columns: { type: 'string' },
    master: { type: 'string' },
    'spark-submit': { type: 'string' },
    conf: { type: 'string', multiple: true },
    partitions: { type: 'string' },
    checkpoint: { type: 'string' },
    resume: { type: 'boolean' },
  },
};

/** The arguments of one command, and how their values are read. */
export class Parsed {
  readonly #command: CommandName;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #positionals: readonly string[];

  constructor(command: CommandName, args: string[]) {
    this.#command = command;
    const options = OPTIONS[command];
    let parsed: ReturnType<typeof parse>;
    try {
      parsed = parse(withNegatives(args, options), options);
    } catch (error) {
      throw this.usage(parseMessage(error as NodeJS.ErrnoException));
    }
    const values: Record<string, unknown> = { ...parsed.values };
    const given = new Set<string>();
    for (const token of parsed.tokens) {
      if (token.kind !== 'option' || token.value === undefined || options[token.name].multiple) continue;
      if (given.has(token.name)) throw this.usage(`${label(command, token.name)} is given twice`);
      given.add(token.name);
      // `-k=2`: parseArgs takes the sign for a part of the value.
      const signed = token.inlineValue && !token.rawName.startsWith('--') && token.value.startsWith('=');
      values[token.name] = signed ? token.value.slice(1) : token.value;
    }
    this.#values = values;
    this.#positionals = parsed.positionals;
  }

  usage(message: string): UsageError {
    return new UsageError(message, this.#command);
  }

  /** As many arguments as `names`, standard input for at most one of them. */
  positionals(names: readonly string[]): readonly string[] {
    const given = this.#positionals;
    if (given.length < names.length) throw this.usage(`${names[given.length]} is missing`);
    if (given.length > names.length) {
      throw this.usage(`${quote(given[names.length])} is one argument too many`);
    }
    const empty = given.indexOf('');
    if (empty >= 0) throw this.usage(`${names[empty]} is empty`);
    if (given.filter((path) => path === '-').length > 1) {
      throw this.usage('only one of the files can be - (standard input)');
    }
    return given;
  }

  /** One file or more, standard input for at most one of them. */
  list(name: string): readonly string[] {
    return this.positionals(Array.from({ length: Math.max(1, this.#positionals.length) }, () => name));
  }

  /** At least as many arguments as `names`; the last may be given more than once. */
  several(names: readonly string[]): readonly string[] {
    const given = this.#positionals;
    if (given.length < names.length) throw this.usage(`${names[given.length]} is missing`);
    if (given.includes(''))
      throw this.usage(`${names[Math.min(given.indexOf(''), names.length - 1)]} is empty`);
    return given;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** Two flags that say the opposite: true for the first, false for the second, undefined for neither. */
  either(first: string, second: string): boolean | undefined {
    const [yes, no] = [this.flag(first), this.flag(second)];
    if (yes && no) throw this.usage(`--${first} and --${second} contradict each other`);
    return yes || no ? yes : undefined;
  }

  text(name: string): string | undefined {
    const value = this.#values[name] as string | undefined;
    if (value === '') throw this.usage(`${label(this.#command, name)} is empty`);
    return value;
  }

  /** The values of an option that may be given more than once. */
  texts(name: string): readonly string[] {
    return (this.#values[name] as readonly string[] | undefined) ?? [];
  }

  /** @param standard undefined: the option is required */
  integer(
    name: string,
    least: number,
    standard: number | undefined,
    most: number = Number.MAX_SAFE_INTEGER,
  ): number {
    const text = this.text(name);
    if (text === undefined) {
      if (standard === undefined) throw this.usage(`${label(this.#command, name)} is missing`);
      return standard;
    }
    const value = /^\+?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    const isLimited = most < Number.MAX_SAFE_INTEGER || value > most;
    const range = isLimited ? `from ${least} to ${most}` : `>= ${least}`;
    throw this.usage(`${label(this.#command, name)} is ${quote(text)}, but must be an integer ${range}`);
  }

  nonNegative(name: string, standard: number, otherwise: string = ''): number {
    const text = this.text(name);
    if (text === undefined) return standard;
    const value = /^\+?[\d.]/.test(text) ? Number(text) : Number.NaN;
    if (Number.isFinite(value) && value >= 0) return value;
    throw this.usage(
      `${label(this.#command, name)} is ${quote(text)}, but must be ${otherwise}a number >= 0`,
    );
  }

  /** A size such as 2GiB; undefined where none is given. */
  bytes(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const bytes = parseBytes(text);
    if (bytes !== undefined) return bytes;
    throw this.usage(
      `${label(this.#command, name)} is ${quote(text)}, but must be a size such as 512MiB or 2GB ` +
        '(KiB, MiB, GiB, TiB: powers of 1024; kB, MB, GB, TB: powers of 1000)',
    );
  }

  /**
   * Whole numbers from 1 such as `1-9`, `2,4,6` or `1-4,8`, each once, in the order given; the option is required.
   * @param most how many numbers there may be
   */
  counts(name: string, most: number): readonly number[] {
    const text = this.text(name);
    const option = label(this.#command, name);
    if (text === undefined) throw this.usage(`${option} is missing: give numbers such as 1-9 or 2,4,6`);
    const counts = new Set<number>();
    for (const part of text.split(',')) {
      const [, low, high = low] = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part) ?? [];
      const [first, last] = [Number(low), Number(high)];
      if (low === undefined || first < 1 || last < 1) {
        throw this.usage(
          `${option} is ${quote(text)}, but must be numbers and ranges from 1, such as 1-9, 2,4,6 or 1-4,8`,
        );
      }
      if (first > last) throw this.usage(`${option}: the range ${first}-${last} runs backwards`);
      if (last - first >= most || counts.size + last - first >= most) {
        throw this.usage(`${option} is ${quote(text)}: more than ${most} numbers of components`);
      }
      for (let count = first; count <= last; count++) counts.add(count);
    }
    return [...counts];
  }

  /** A list of values, or `all`: undefined. */
  choices<T extends string>(name: string, allowed: readonly T[], standard: string): readonly T[] | undefined {
    const text = this.text(name) ?? standard;
    if (text === 'all') return undefined;
    return text.split(',').map((part) => {
      const value = allowed.find((known) => known === part.trim());
      if (value !== undefined) return value;
      throw this.usage(
        `${label(this.#command, name)} is ${quote(text)}, but must be all, or a list of ${allowed.join(', ')}`,
      );
    });
  }

  choice<T extends string>(name: string, allowed: readonly T[], standard: T): T {
    const text = this.text(name) ?? standard;
    const value = allowed.find((known) => known === text);
    if (value !== undefined) return value;
    throw this.usage(
      `${label(this.#command, name)} is ${quote(text)}, but must be one of ${allowed.join(', ')}`,
    );
  }
}

function parse(args: string[], options: OptionSpecs) {
  return parseArgs({ args, options, allowPositionals: true, strict: true, tokens: true });
}

/** `--seed -1` as `--seed=-1`: a number is a value, also where no negative one is allowed. */
function withNegatives(args: readonly string[], options: OptionSpecs): string[] {
  const takeValue = Object.entries(options)
    .filter(([, { type }]) => type === 'string')
    .flatMap(([name, { short }]) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]);
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--') return [...joined, ...args.slice(i)];
    const isJoined = takeValue.includes(args[i]) && /^-\.?\d/.test(args[i + 1] ?? '');
    joined.push(isJoined ? `${args[i]}=${args[++i]}` : args[i]);
  }
  return joined;
}

/** An option as users know it: by its letter if it has one, for `-k` and `-n` are documented so. */
function label(command: CommandName, name: string): string {
  const { short } = OPTIONS[command][name];
  return short === undefined ? `--${name}` : `-${short}`;
}

/** The sentence of parseArgs that matters, without its advice on rare cases. */
function parseMessage(error: NodeJS.ErrnoException): string {
  const [, option] = /'(-[^' ,]*)/.exec(error.message) ?? [];
  if (error.message.includes('ambiguous')) {
    return `${option} needs a value (one that starts with a dash is written ${option}=VALUE)`;
  }
  if (error.message.includes('argument missing')) return `${option} needs a value`;
  if (error.message.includes('does not take')) return `${option} does not take a value`;
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `unknown option ${option}`;
  return oneLine(error.message);
}
