// The page's worker: it holds the data and the models, reads tables and fits. Everything slow is here.
// Must not know the DOM.
import { type CovarianceType, GaussianMixture, GaussmixError, type Progress } from 'gaussmix';
import { paddedExtent } from '../charts/axis.ts';
import { histogram } from '../charts/shapes.ts';
import { csvCell } from '../cli/csv-format.ts';
import { Failure } from '../cli/failure.ts';
import type { Candidate, FromWorker, PageOptions, Place, ToWorker } from './protocol.ts';
import { type Chosen, decodeText, TextTable } from './table.ts';

const port = self as unknown as {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

/** The data in use: rows x names.length, row-major. */
interface Data {
  readonly data: Float64Array;
  readonly shape: readonly [number, number];
  /** Names for the model, where the file has distinct ones. */
  readonly featureNames: readonly string[] | undefined;
  readonly chosen: Chosen | undefined;
}

let table: TextTable | undefined;
let text = '';
let data: Data | undefined;
let model: GaussianMixture | undefined;
const candidates = new Map<string, GaussianMixture>();
/** Of the fit or the selection that runs. */
let running: Run | undefined;
let mayDraw = true;

/** Steers a fit from outside: pace, pause, step, stop. */
class Run {
  readonly abort: AbortController = new AbortController();
  intervalMs: number;
  paused: boolean;
  stopped = false;
  #steps = 0;
  #last = 0;
  #wake: () => void = () => {};

  constructor(intervalMs: number, paused: boolean) {
    this.intervalMs = intervalMs;
    this.paused = paused;
  }

  /** Resolves when the next iteration may begin. */
  async gate(): Promise<void> {
    for (;;) {
      if (this.stopped) return;
      const wait = this.#last + this.intervalMs - performance.now();
      if (this.paused ? this.#steps > 0 : wait <= 0) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (!this.paused) setTimeout(resolve, wait);
      });
    }
    this.#last = performance.now();
    if (this.paused) this.#steps--;
  }

  /** Looks again whether to go on, after a change. */
  wake(): void {
    this.#wake();
  }

  step(): void {
    this.paused = true;
    this.#steps++;
    this.wake();
  }
}

port.onmessage = ({ data: message }) => {
  handle(message).catch((error: unknown) => fail('fit', error));
};

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'open':
      return open(message);
    case 'choose':
      return guarded('columns', () => choose(message.columns, message.leaveOut));
    case 'points':
      return usePoints(message.data);
    case 'fit':
      return fit(message.options, new Run(message.intervalMs, message.paused));
    case 'select':
      return select(message);
    case 'show': {
      const found = candidates.get(keyOf(message.nComponents, message.covarianceType));
      if (found) sendModel(found, false);
      return;
    }
    case 'row':
      return sendRow(message.row);
    case 'labels':
      return sendLabels();
    case 'drawn':
      mayDraw = true;
      return;
    default:
      return steer(message);
  }
}

function steer(
  message: Extract<ToWorker, { kind: 'pause' | 'resume' | 'step' | 'stop' | 'interval' }>,
): void {
  if (!running) return;
  switch (message.kind) {
    case 'pause':
      running.paused = true;
      return;
    case 'resume':
      running.paused = false;
      break;
    case 'step':
      running.step();
      return;
    case 'interval':
      running.intervalMs = message.intervalMs;
      break;
    case 'stop':
      running.stopped = true;
  }
  running.wake();
}

/** Ends whatever runs: its data is replaced. */
function abandon(): void {
  running?.abort.abort();
  running = undefined;
  model = undefined;
  candidates.clear();
  mayDraw = true;
}

function guarded(at: Place, work: () => void): void {
  try {
    work();
  } catch (error) {
    fail(at, error);
  }
}

function fail(at: Place, error: unknown): void {
  const message =
    error instanceof Failure
      ? error.message
      : error instanceof GaussmixError
        ? inPageWords(error)
        : `This should not happen: ${error instanceof Error ? error.message : String(error)}`;
  const place = error instanceof GaussmixError ? placeOf(error.message, at) : at;
  port.postMessage({ kind: 'failure', at: place, message });
}

/** The field that a message of the library is about. */
function placeOf(message: string, otherwise: Place): Place {
  const fields: readonly Place[] = ['nComponents', 'seed', 'nInit', 'maxIterations', 'tolerance'];
  return fields.find((field) => message.startsWith(`${field} `)) ?? otherwise;
}

/** What the library says, with the labels of the page's fields and the names of columns for numbers. */
function inPageWords(error: GaussmixError): string {
  const message = error.message
    .replace(/^nComponents is/, 'Components is')
    .replace(/^maxIterations is/, 'Most iterations is')
    .replace(/^nInit is/, 'Restarts is')
    .replace(/\bcolumn (\d+)\b/g, (found, feature: string) => {
      const name = data?.featureNames?.[Number(feature)];
      return name === undefined ? found : `column ${JSON.stringify(name)}`;
    });
  return message.charAt(0).toUpperCase() + message.slice(1);
}

function open({ name, bytes, header }: Extract<ToWorker, { kind: 'open' }>): void {
  abandon();
  table = undefined;
  data = undefined;
  guarded('data', () => {
    // No bytes: the same text once more, with or without a header.
    if (bytes.length > 0 || header === undefined) text = decodeText(name, bytes);
    const read = new TextTable(name, text, header);
    table = read;
    const { columns, hasHeader, cells } = read;
    port.postMessage({ kind: 'table', name, rows: cells.length, hasHeader, columns });
    const usual = columns.flatMap(({ kind }, column) => (kind === 'text' ? [] : [column]));
    guarded('columns', () => choose(usual, false));
  });
}

function choose(columns: readonly number[], leaveOut: boolean): void {
  abandon();
  data = undefined;
  if (!table) return;
  const chosen = table.choose(columns, leaveOut);
  const names = columns.map((column) => table?.columns[column].name ?? '');
  const distinct = table.header !== undefined && new Set(names).size === names.length;
  const isNamed = distinct && columns.every((column) => table?.header?.[column] !== '');
  data = {
    data: chosen.data,
    shape: [chosen.rows, columns.length],
    featureNames: isNamed ? names : undefined,
    chosen,
  };
  sendChosen(names, table.cells.length - chosen.rows, chosen.lines.slice());
}

function usePoints(points: Float64Array): void {
  abandon();
  table = undefined;
  data = { data: points, shape: [points.length / 2, 2], featureNames: ['x', 'y'], chosen: undefined };
  sendChosen(['x', 'y'], 0, undefined);
}

function sendChosen(names: readonly string[], leftOut: number, lines: Int32Array | undefined): void {
  if (!data) return;
  const [rows, count] = data.shape;
  const { data: values } = data;
  const features = names.map((_, feature) => {
    const column = new Float64Array(rows);
    for (let row = 0; row < rows; row++) column[row] = values[row * count + feature];
    return { values: column, extent: paddedExtent(column, 0.06), bars: histogram(column) };
  });
  port.postMessage({ kind: 'chosen', names, rows, features, leftOut, lines });
}

async function fit(options: PageOptions, run: Run): Promise<void> {
  if (!data) return;
  running?.abort.abort();
  running = run;
  model = undefined;
  mayDraw = true;
  const rows = data;
  try {
    const fitted = await GaussianMixture.fitAsync(rows, {
      ...options,
      // This is a worker already. The bits do not depend on it.
      workers: 0,
      signal: run.abort.signal,
      onIteration: (progress) => onIteration(rows, run, progress),
    });
    if (running !== run) return;
    running = undefined;
    sendModel(fitted, run.stopped);
  } catch (error) {
    // An abort means that other data or another fit has taken over: nobody waits for this one.
    if (run.abort.signal.aborted) return;
    running = undefined;
    fail('fit', error);
  }
}

// biome-ignore lint/suspicious/noConfusingVoidType: what onIteration of the library wants
async function onIteration(rows: Data, run: Run, progress: Progress): Promise<void | false> {
  const { run: number, iteration, logLikelihood } = progress;
  model = progress.model;
  const { weights, means, covariances } = model.toJSON();
  const message = { kind: 'iteration', run: number, iteration, logLikelihood } as const;
  const mixture = { weights, means, covariances };
  if (mayDraw) {
    mayDraw = false;
    const shares = sharesOf(model, rows);
    port.postMessage({ ...message, mixture, shares }, [shares.buffer]);
  } else port.postMessage({ ...message, mixture });
  await run.gate();
  return run.stopped ? false : undefined;
}

/** Responsibilities in 1/255. */
function sharesOf(of: GaussianMixture, rows: Data): Uint8Array<ArrayBuffer> {
  const { data: values } = of.predictProba(rows);
  const shares = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) shares[i] = Math.round(255 * values[i]);
  return shares;
}

function sendModel(fitted: GaussianMixture, wasStopped: boolean): void {
  if (!data) return;
  model = fitted;
  const shares = sharesOf(fitted, data);
  const { format, version, covarianceType, nComponents, nFeatures, ...rest } = fitted.toJSON();
  const head = { format, version, covarianceType, nComponents, nFeatures };
  const named = data.featureNames && { featureNames: [...data.featureNames] };
  port.postMessage(
    {
      kind: 'model',
      model: { ...head, ...named, ...rest },
      shares,
      bic: fitted.bic(data),
      wasStopped,
    },
    [shares.buffer],
  );
}

const keyOf = (nComponents: number, covarianceType: CovarianceType): string =>
  `${covarianceType} ${nComponents}`;

/** Fits every number of components with every covariance model asked for. */
async function select({
  options,
  most,
  covarianceTypes,
}: Extract<ToWorker, { kind: 'select' }>): Promise<void> {
  if (!data) return;
  running?.abort.abort();
  const run = new Run(0, false);
  running = run;
  candidates.clear();
  const rows = data;
  const all = most * covarianceTypes.length;
  let done = 0;
  for (let nComponents = 1; nComponents <= most; nComponents++) {
    for (const covarianceType of covarianceTypes) {
      const candidate = await fitCandidate(rows, { ...options, nComponents, covarianceType }, run);
      if (run.abort.signal.aborted) return;
      if (run.stopped) {
        running = undefined;
        return port.postMessage({ kind: 'selected', wasStopped: true });
      }
      port.postMessage({ kind: 'candidate', candidate, done: ++done, all });
    }
  }
  running = undefined;
  port.postMessage({ kind: 'selected', wasStopped: false });
}

async function fitCandidate(rows: Data, options: PageOptions, run: Run): Promise<Candidate> {
  const { nComponents, covarianceType } = options;
  const own = { nComponents, covarianceType };
  try {
    const fitted = await GaussianMixture.fitAsync(rows, {
      ...options,
      workers: 0,
      signal: run.abort.signal,
      onIteration: () => (run.stopped ? false : undefined),
    });
    candidates.set(keyOf(nComponents, covarianceType), fitted);
    return {
      ...own,
      bic: fitted.bic(rows),
      converged: fitted.fitted?.converged ?? false,
      problem: undefined,
    };
  } catch (error) {
    const problem = error instanceof GaussmixError ? inPageWords(error) : String(error);
    return { ...own, bic: Number.NaN, converged: false, problem };
  }
}

function sendRow(row: number): void {
  if (!data || !model || row < 0 || row >= data.shape[0]) return;
  const columns = data.shape[1];
  const one = { data: data.data.slice(row * columns, (row + 1) * columns), shape: [1, columns] };
  const responsibilities = Array.from(model.predictProba(one).data);
  port.postMessage({ kind: 'row', row, responsibilities, logDensity: model.scoreSamples(one)[0] });
}

function sendLabels(): void {
  if (!data || !model) return;
  const labels = model.predict(data);
  const proba = model.predictProba(data);
  const k = model.nComponents;
  const heads = ['label', ...Array.from({ length: k }, (_, component) => `p${component}`)];
  const added = (row: number): string =>
    row < 0 ? ','.repeat(k) : [labels[row], ...proba.row(row)].join(',');
  const lines: string[] = [];
  if (table && data.chosen) {
    const { place } = data.chosen;
    const names = table.header ?? table.columns.map((_, column) => `column${column + 1}`);
    lines.push([...names.map(csvCell), ...heads].join(','));
    table.cells.forEach((cells, row) => {
      lines.push(`${cells.map(csvCell).join(',')},${added(place[row])}`);
    });
  } else {
    lines.push(['x', 'y', ...heads].join(','));
    for (let row = 0; row < data.shape[0]; row++) {
      lines.push(`${data.data[2 * row]},${data.data[2 * row + 1]},${added(row)}`);
    }
  }
  port.postMessage({ kind: 'labels', csv: `${lines.join('\n')}\n` });
}
