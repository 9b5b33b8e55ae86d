// The options of each command, and how the text of a value becomes a value.
// Must not know what the options are for: arguments.ts gives them their meaning and defaults.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { oneLine, quote, UsageError } from './failure.ts';
import type { CommandName } from './help.ts';

type OptionSpecs = NonNullable<ParseArgsConfig['options']>;

const COMMON: OptionSpecs = {
  help: { type: 'boolean', short: 'h' },
  quiet: { type: 'boolean', short: 'q' },
};
const OUTPUT: OptionSpecs = { output: { type: 'string', short: 'o' } };

const OPTIONS: Readonly<Record<CommandName, OptionSpecs>> = {
  fit: {
    ...COMMON,
    ...OUTPUT,
    components: { type: 'string', short: 'k' },
    covariance: { type: 'string' },
    init: { type: 'string' },
    'n-init': { type: 'string' },
    'max-iterations': { type: 'string' },
    tolerance: { type: 'string' },
    regularization: { type: 'string' },
    seed: { type: 'string' },
    columns: { type: 'string' },
    weights: { type: 'string' },
    'group-by': { type: 'string' },
    threads: { type: 'string' },
    missing: { type: 'string' },
    json: { type: 'boolean' },
    verbose: { type: 'boolean', short: 'v' },
  },
  predict: { ...COMMON, ...OUTPUT, proba: { type: 'boolean' }, columns: { type: 'string' } },
  score: {
    ...COMMON,
    samples: { type: 'boolean' },
    columns: { type: 'string' },
    json: { type: 'boolean' },
  },
  sample: { ...COMMON, ...OUTPUT, number: { type: 'string', short: 'n' }, seed: { type: 'string' } },
};

/** The arguments of one command, and how their values are read. */
export class Parsed {
  readonly #command: CommandName;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #positionals: readonly string[];

  constructor(command: CommandName, args: string[]) {
    this.#command = command;
    try {
      const { values, positionals } = parseArgs({
        args,
        options: OPTIONS[command],
        allowPositionals: true,
        strict: true,
      });
      this.#values = values;
      this.#positionals = positionals;
    } catch (error) {
      throw this.usage(parseMessage(error as NodeJS.ErrnoException));
    }
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

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name] as string | undefined;
    if (value === '') throw this.usage(`${label(this.#command, name)} is empty`);
    return value;
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
    const range = most === Number.MAX_SAFE_INTEGER ? `>= ${least}` : `from ${least} to ${most}`;
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

  choice<T extends string>(name: string, allowed: readonly T[], standard: T): T {
    const text = this.text(name) ?? standard;
    const value = allowed.find((known) => known === text);
    if (value !== undefined) return value;
    throw this.usage(
      `${label(this.#command, name)} is ${quote(text)}, but must be one of ${allowed.join(', ')}`,
    );
  }
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
