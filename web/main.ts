// The page: what its controls do, what the worker answers, and what is to be seen then.
import type { ModelJSON } from 'gaussmix';
import { escapeText } from '../charts/svg.ts';
import { componentColour, DARK, LIGHT, type Theme } from '../charts/theme.ts';
import faithful from '../examples/faithful.csv?raw';
import iris from '../examples/iris.csv?raw';
import { counted, element, fillSelect, save, showError } from './dom.ts';
import { FigureView, MATRIX_FEATURES, type Shown } from './figure-view.ts';
import FitWorker from './fit-worker.ts?worker&inline';
import { fillForm, readNumber, readOptions, setOptions, tickedModels } from './options-form.ts';
import type { FromWorker, PageOptions, ToWorker } from './protocol.ts';
import { clearResult, ModelComparison, showCurve, showResult } from './results.ts';
import type { ColumnInfo } from './table.ts';

/** The rows on show. */
type Rows = Extract<FromWorker, { kind: 'chosen' }>;

/** Options that suit an example; the start is one whose way to the end can be watched. */
const EXAMPLES: Readonly<Record<string, { name: string; text: string; options: Partial<PageOptions> }>> = {
  faithful: {
    name: 'faithful.csv',
    text: faithful,
    options: { nComponents: 2, covarianceType: 'full', initialization: 'random-from-data', seed: 0 },
  },
  iris: {
    name: 'iris.csv',
    text: iris,
    options: { nComponents: 3, covarianceType: 'full', initialization: 'kmeans', seed: 0 },
  },
};

const DRAWN_EXTENT = [0, 10] as const;
const CLUSTER = 40;

const worker = new FitWorker();
const still = matchMedia('(prefers-reduced-motion: reduce)');
const darkSystem = matchMedia('(prefers-color-scheme: dark)');

let busy: 'fit' | 'select' | undefined;
let isPaused = false;
let fileName = 'data';
let rows: Rows | undefined;
let columns: readonly ColumnInfo[] = [];
let model: ModelJSON | undefined;
let modelBic = 0;
let history: number[][] = [];
let iterations = 0;
/** Points drawn by hand: x, y, x, y, ... */
let points: number[] = [];
let isDrawing = false;
let pointed: { row: number; at: readonly [number, number] | undefined } | undefined;
let frameAsked = false;

const figure = new FigureView(element('figure'), theme(), {
  onDrawn: () => send({ kind: 'drawn' }),
  onPoint: (row, at) => point(row, at),
  onDraw: (x, y) => addPoints([x, y]),
});
const tip = document.createElement('div');
tip.className = 'tip';
tip.hidden = true;
tip.setAttribute('aria-hidden', 'true');
element('figure').append(tip);

const comparison = new ModelComparison(theme(), (nComponents, covarianceType) => {
  if (busy) return;
  setOptions({ nComponents, covarianceType });
  send({ kind: 'show', nComponents, covarianceType });
});

function send(message: ToWorker): void {
  worker.postMessage(message);
}

function theme(): Theme {
  const wanted = element<HTMLSelectElement>('theme').value;
  return wanted === 'dark' || (wanted === 'system' && darkSystem.matches) ? DARK : LIGHT;
}

function applyTheme(): void {
  const now = theme();
  document.documentElement.dataset.theme = now === DARK ? 'dark' : 'light';
  figure.theme = now;
  comparison.theme = now;
  showCurve(history, now);
  if (model && rows) showResult(model, rows.names, modelBic, now);
}

function say(text: string): void {
  element('status').textContent = text;
}

/** Buttons as the state has them; one that is disabled while it has the focus hands it on. */
function setButtons(): void {
  const isFitting = busy === 'fit';
  const none = (rows?.rows ?? 0) === 0;
  const focused = document.activeElement;
  const disabled: Readonly<Record<string, boolean>> = {
    fit: busy !== undefined || none,
    pause: !isFitting,
    step: busy === 'select' || none,
    stop: !isFitting,
    compare: isFitting || none,
    'save-model': !model || busy !== undefined,
    'save-labels': !model || busy !== undefined,
    'save-picture': none,
  };
  for (const [id, value] of Object.entries(disabled)) element<HTMLButtonElement>(id).disabled = value;
  element('pause').textContent = isPaused ? 'Resume' : 'Pause';
  element('compare').textContent = busy === 'select' ? 'Stop comparing' : 'Compare models';
  if (focused instanceof HTMLButtonElement && focused.disabled) {
    element(isFitting ? 'pause' : busy === 'select' ? 'compare' : 'fit').focus({ preventScroll: true });
  }
}

function clearErrors(): void {
  for (const place of [
    'data',
    'columns',
    'fit',
    'nComponents',
    'seed',
    'nInit',
    'maxIterations',
    'tolerance',
    'most',
    'models',
  ]) {
    showError(place, undefined);
  }
}

/* Data */

function openBytes(name: string, bytes: Uint8Array): void {
  leaveDrawing();
  clearErrors();
  fileName = name;
  send({ kind: 'open', name, bytes });
}

function openText(name: string, text: string): void {
  openBytes(name, new TextEncoder().encode(text));
}

async function openFile(file: File): Promise<void> {
  markExample(undefined);
  say(`Reading ${file.name} …`);
  openBytes(file.name, new Uint8Array(await file.arrayBuffer()));
}

function markExample(name: string | undefined): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-example]')) {
    button.setAttribute('aria-pressed', String(button.dataset.example === name));
  }
}

function openExample(name: string): void {
  markExample(name);
  const example = EXAMPLES[name];
  if (example) {
    setOptions(example.options);
    openText(example.name, example.text);
  } else startDrawing();
}

function startDrawing(): void {
  clearErrors();
  isDrawing = true;
  fileName = 'drawn';
  setOptions({ nComponents: 3, covarianceType: 'full', initialization: 'random-from-data', seed: 0 });
  element('table-info').hidden = true;
  element('draw-tools').hidden = false;
  figure.drawing = true;
  sendPoints();
}

function leaveDrawing(): void {
  isDrawing = false;
  element('draw-tools').hidden = true;
  figure.drawing = false;
}

function addPoints(more: readonly number[]): void {
  points.push(...more);
  sendPoints();
}

/** A spray of points comes in one message. */
let pointsAsked = false;
function sendPoints(): void {
  if (pointsAsked) return;
  pointsAsked = true;
  requestAnimationFrame(() => {
    pointsAsked = false;
    if (isDrawing) send({ kind: 'points', data: Float64Array.from(points) });
  });
}

function addCluster(): void {
  const [low, high] = DRAWN_EXTENT;
  // Irwin and Hall: three uniform numbers summed are bell-shaped enough to look at.
  const bell = (): number => (Math.random() + Math.random() + Math.random() - 1.5) * 2;
  const centre = [0, 1].map(() => 2 + 6 * Math.random());
  const spread = [0, 1].map(() => 0.25 + 0.6 * Math.random());
  const slant = Math.random() * 2 - 1;
  const cluster: number[] = [];
  for (let i = 0; i < CLUSTER; i++) {
    const [u, v] = [bell(), bell()];
    const at = [centre[0] + spread[0] * u, centre[1] + spread[1] * (slant * u + v)];
    cluster.push(...at.map((value) => Math.min(high, Math.max(low, value))));
  }
  addPoints(cluster);
}

function showTable({
  name,
  rows: count,
  hasHeader,
  columns: found,
}: Extract<FromWorker, { kind: 'table' }>): void {
  columns = found;
  element('table-info').hidden = false;
  element('table-summary').textContent =
    `${name}: ${counted(count, 'row')}, ${counted(found.length, 'column')}`;
  element<HTMLInputElement>('header').checked = hasHeader;
  element('column-list').innerHTML = found
    .map(({ name: column, kind, missing }, i) => {
      const note =
        kind === 'text'
          ? 'left out: not numbers'
          : kind === 'gaps'
            ? `${counted(missing, 'missing cell')}`
            : '';
      const box = `<input type="checkbox" value="${i}"${kind === 'text' ? '' : ' checked'} />`;
      return `<label class="check">${box} <span>${escapeText(column)}${note ? ` <small>(${note})</small>` : ''}</span></label>`;
    })
    .join('');
  element<HTMLInputElement>('leave-out').checked = false;
  showLeaveOut();
}

/** The offer to leave out rows with missing cells stands where there are some in the columns ticked. */
function showLeaveOut(): void {
  const gaps = tickedColumns().some((column) => columns[column].kind === 'gaps');
  element('leave-out-label').hidden = !gaps;
}

function tickedColumns(): number[] {
  const boxes = element('column-list').querySelectorAll<HTMLInputElement>('input:checked');
  return Array.from(boxes, ({ value }) => Number(value));
}

function chooseColumns(): void {
  showLeaveOut();
  showError('columns', undefined);
  showError('fit', undefined);
  send({
    kind: 'choose',
    columns: tickedColumns(),
    leaveOut: element<HTMLInputElement>('leave-out').checked,
  });
}

function showRows(message: Rows): void {
  const before = rows?.names.join('\n');
  rows = message;
  element('figure').hidden = false;
  forgetModel();
  if (before !== message.names.join('\n')) fillViews();
  figure.show(shownRows(message), false);
  const left = message.leftOut > 0 ? ` (${counted(message.leftOut, 'row')} with missing cells left out)` : '';
  const wide =
    message.names.length > MATRIX_FEATURES
      ? ` The matrix shows the first ${MATRIX_FEATURES} columns; every column is fitted.`
      : '';
  if (isDrawing && message.rows === 0) say('Draw some points, then press Fit.');
  else
    say(
      `${counted(message.rows, 'row')}, ${counted(message.names.length, 'column')}${left}. Press Fit.${wide}`,
    );
  figure.label = `${counted(message.rows, 'row')} of ${message.names.join(', ')}, no mixture yet`;
  setButtons();
}

function noRows(): void {
  rows = undefined;
  forgetModel();
  element('axes').hidden = true;
  element('figure').hidden = true;
  say('There are no rows to show: see the message under Data.');
  setButtons();
}

function forgetModel(): void {
  model = undefined;
  busy = undefined;
  isPaused = false;
  history = [];
  iterations = 0;
  pointed = undefined;
  tip.hidden = true;
  element('iteration').textContent = '–';
  element('log-likelihood').textContent = '–';
  element('row-out').textContent = 'Point at a row in the picture, or give its number.';
  element('select-status').textContent = '';
  element('select-progress').hidden = true;
  comparison.begin(9);
  clearResult(false);
  showCurve(history, theme());
}

/* Views */

function fillViews(): void {
  const names = rows?.names ?? [];
  const count = names.length;
  element('axes').hidden = count < 2;
  const choices: [string, string][] = [];
  if (count > 2) choices.push(['matrix', 'all pairs']);
  if (count > 1) choices.push(['pair', 'two columns'], ['one', 'one column']);
  fillSelect(element<HTMLSelectElement>('view'), choices, choices[0]?.[0] ?? '');
  const features = names.map((name, i): [string, string] => [String(i), name]);
  fillSelect(element<HTMLSelectElement>('x-feature'), features, '0');
  fillSelect(element<HTMLSelectElement>('y-feature'), features, '1');
  showAxes();
}

function showAxes(): void {
  const view = element<HTMLSelectElement>('view').value;
  element('x-label').hidden = view === 'matrix';
  element('y-label').hidden = view !== 'pair';
}

function shownRows({ names, features, rows: count }: Rows): Shown {
  const view = element<HTMLSelectElement>('view').value;
  const x = Number(element<HTMLSelectElement>('x-feature').value);
  const y = Number(element<HTMLSelectElement>('y-feature').value);
  const all = names.map((_, i) => i).slice(0, MATRIX_FEATURES);
  const shown = view === 'pair' && x !== y ? [x, y] : view === 'one' || view === 'pair' ? [x] : all;
  return { names, features, rows: count, view: shown, extent: isDrawing ? DRAWN_EXTENT : undefined };
}

/* Fit */

function startFit(paused: boolean): void {
  if (busy || !rows) return;
  showError('fit', undefined);
  const options = readOptions(rows.rows);
  if (!options) return;
  busy = 'fit';
  isPaused = paused;
  model = undefined;
  history = [];
  iterations = 0;
  clearResult(true);
  figure.clear();
  const message = `Fitting ${counted(options.nComponents, 'component')} to ${counted(rows.rows, 'row')} …`;
  say(paused ? 'Step by step: press Step for the next iteration, Resume to run.' : message);
  send({ kind: 'fit', options, intervalMs: interval(), paused });
  setButtons();
  const box = element('figure').getBoundingClientRect();
  // On a phone the picture is below the form.
  if (box.top > 0.6 * window.innerHeight || box.bottom < 0) {
    element('picture-heading').scrollIntoView({ behavior: still.matches ? 'auto' : 'smooth' });
  }
}

function interval(): number {
  return Number(element<HTMLSelectElement>('speed').value);
}

function onIteration(message: Extract<FromWorker, { kind: 'iteration' }>): void {
  if (busy !== 'fit') return;
  history[message.run] ??= [];
  history[message.run].push(message.logLikelihood);
  iterations = message.iteration;
  // Who wants no motion sees the end, or each step asked for.
  if (!still.matches || isPaused || interval() > 0) figure.update(message);
  else send({ kind: 'drawn' });
  if (isPaused) say(`Paused after iteration ${message.iteration}.`);
  askFrame();
}

/** Counter and curve once per frame, however many iterations there were. */
function askFrame(): void {
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(() => {
    frameAsked = false;
    const last = history.at(-1)?.at(-1);
    if (last === undefined) return;
    const runs = history.length > 1 ? ` of run ${history.length}` : '';
    element('iteration').textContent = `${iterations}${runs}`;
    element('log-likelihood').textContent = last.toFixed(6).replace('-', '−');
    showCurve(history, theme());
  });
}

function onModel({ model: fitted, shares, bic, wasStopped }: Extract<FromWorker, { kind: 'model' }>): void {
  if (!rows) return;
  const wasFit = busy === 'fit';
  busy = undefined;
  isPaused = false;
  model = fitted;
  modelBic = bic;
  const record = fitted.fitted;
  if (!wasFit) {
    history = [record?.history ?? []];
    iterations = record?.iterations ?? 0;
  }
  figure.update({ mixture: fitted, shares });
  askFrame();
  const { covarianceType, nComponents } = fitted;
  const iterationWords = counted(record?.iterations ?? 0, 'iteration');
  const how = wasStopped
    ? `Stopped after ${iterationWords}: this is the model so far.`
    : record?.converged
      ? `Converged after ${iterationWords}.`
      : `Not converged after ${iterationWords}: raise "Most iterations" under "More options".`;
  say(wasFit ? how : `Showing ${covarianceType} with ${counted(nComponents, 'component')}. ${how}`);
  showResult(fitted, rows.names, bic, theme());
  figure.label = `${counted(rows.rows, 'row')} and a mixture of ${counted(nComponents, 'component')}; its figures are in the table under Result`;
  setButtons();
  if (pointed) point(pointed.row, pointed.at);
}

/* Rows */

function point(row: number | undefined, at: readonly [number, number] | undefined): void {
  if (row === undefined || !rows) {
    if (pointed?.at) {
      pointed = undefined;
      tip.hidden = true;
      figure.highlight(undefined);
    }
    return;
  }
  const isSame = pointed?.row === row && !tip.hidden;
  pointed = { row, at };
  figure.highlight(row);
  if (isSame) placeTip();
  else if (iterations > 0) send({ kind: 'row', row });
  else showPointed([]);
}

function showPointed(responsibilities: readonly number[]): void {
  if (!pointed || !rows) return;
  const { row, at } = pointed;
  const line = rows.lines ? `, line ${rows.lines[row]}` : '';
  const values = rows.names.map((name, i) => [name, String(rows?.features[i].values[row] ?? '')] as const);
  const title = `Row ${row + 1}${line}`;
  const percent = (share: number): string =>
    `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)} %`;
  if (at) {
    const now = theme();
    const bars = responsibilities.map((share, component) => {
      const bar = `<i style="width:${(100 * share).toFixed(1)}%;background:${componentColour(now, component)}"></i>`;
      return `<span>${component}</span>${bar}<span>${percent(share)}</span>`;
    });
    const list = values.slice(0, 8).map(([name, value]) => `${escapeText(name)} <b>${escapeText(value)}</b>`);
    tip.innerHTML = `<div><b>${title}</b></div><div>${list.join('<br>')}</div><div class="shares">${bars.join('')}</div>`;
    tip.hidden = false;
    placeTip();
  } else {
    const shares = responsibilities.map((share, component) => `component ${component}: ${percent(share)}`);
    const words = values.map(([name, value]) => `${name} ${value}`).join(', ');
    const end = shares.length > 0 ? `. Responsibilities: ${shares.join(', ')}.` : '.';
    element('row-out').textContent = `${title}: ${words}${end}`;
  }
}

function placeTip(): void {
  if (!pointed?.at) return;
  const [x, y] = pointed.at;
  const box = element('figure');
  const isRight = x + 20 + tip.offsetWidth > box.clientWidth;
  const left = isRight ? Math.max(0, x - tip.offsetWidth - 14) : x + 16;
  const top = Math.max(0, Math.min(y + 12, box.clientHeight - tip.offsetHeight));
  tip.style.left = `${left}px`;
  tip.style.top = `${top}px`;
}

function lookAtRow(): void {
  const field = element<HTMLInputElement>('row');
  const number = Number(field.value);
  tip.hidden = true;
  if (!rows || field.value === '') {
    pointed = undefined;
    return;
  }
  if (!Number.isSafeInteger(number) || number < 1 || number > rows.rows) {
    field.setAttribute('aria-invalid', 'true');
    element('row-out').textContent = `There are rows 1 to ${rows.rows}.`;
    return;
  }
  field.removeAttribute('aria-invalid');
  pointed = undefined;
  point(number - 1, undefined);
}

/* Comparison */

function compare(): void {
  if (busy === 'select') {
    send({ kind: 'stop' });
    return;
  }
  if (busy || !rows) return;
  const most = readNumber('most', 'The number of components', 1, 30, false);
  const options = readOptions(Number.MAX_SAFE_INTEGER);
  const covarianceTypes = tickedModels();
  if (covarianceTypes.length === 0) showError('models', 'No model is ticked. Tick at least one.');
  if (!options || Number.isNaN(most) || covarianceTypes.length === 0) return;
  busy = 'select';
  comparison.begin(most);
  const progress = element<HTMLProgressElement>('select-progress');
  progress.hidden = false;
  progress.value = 0;
  element('select-status').textContent = 'Comparing …';
  send({ kind: 'select', options, most, covarianceTypes });
  setButtons();
}

/* The worker's answers */

worker.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
  switch (message.kind) {
    case 'table':
      return showTable(message);
    case 'chosen':
      showError('columns', undefined);
      return showRows(message);
    case 'failure':
      return onFailure(message);
    case 'iteration':
      return onIteration(message);
    case 'model':
      return onModel(message);
    case 'candidate': {
      comparison.add(message.candidate);
      const progress = element<HTMLProgressElement>('select-progress');
      progress.max = message.all;
      progress.value = message.done;
      return;
    }
    case 'selected':
      busy = undefined;
      element('select-progress').hidden = true;
      element('select-status').textContent = comparison.end(message.wasStopped);
      return setButtons();
    case 'row':
      if (pointed?.row === message.row) showPointed(message.responsibilities);
      return;
    case 'labels':
      return save(`${baseName()}-labels.csv`, 'text/csv', message.csv);
  }
};

worker.onerror = (event) => {
  showError(
    'fit',
    `The fit's worker failed: ${event.message || 'it could not be started'}. Load the page anew.`,
  );
};

function onFailure({ at, message }: Extract<FromWorker, { kind: 'failure' }>): void {
  if (at === 'data') {
    element('table-info').hidden = true;
    noRows();
  } else if (at === 'columns') noRows();
  else {
    busy = undefined;
    isPaused = false;
    say('');
    setButtons();
  }
  showError(at, message);
}

function baseName(): string {
  return fileName.replace(/\.[^.]*$/, '') || 'data';
}

/* Controls */

function on(id: string, type: string, action: (event: Event) => void): void {
  element(id).addEventListener(type, action);
}

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-example]')) {
  button.addEventListener('click', () => openExample(button.dataset.example ?? ''));
}
on('file', 'change', () => {
  const field = element<HTMLInputElement>('file');
  const file = field.files?.[0];
  // The same file may be chosen again, after it was mended.
  if (file) void openFile(file).finally(() => (field.value = ''));
});
on('use-pasted', 'click', () => {
  markExample(undefined);
  openText('pasted rows', element<HTMLTextAreaElement>('pasted').value);
});
on('header', 'change', () => {
  showError('columns', undefined);
  send({
    kind: 'open',
    name: fileName,
    bytes: new Uint8Array(0),
    header: element<HTMLInputElement>('header').checked,
  });
});
on('column-list', 'change', chooseColumns);
on('leave-out', 'change', chooseColumns);
on('add-cluster', 'click', addCluster);
on('undo-point', 'click', () => {
  points = points.slice(0, -2);
  sendPoints();
});
on('clear-points', 'click', () => {
  points = [];
  sendPoints();
});
on('options', 'submit', (event) => {
  event.preventDefault();
  startFit(false);
});
on('pause', 'click', () => {
  isPaused = !isPaused;
  send({ kind: isPaused ? 'pause' : 'resume' });
  say(isPaused ? `Paused after iteration ${iterations}.` : 'Fitting …');
  setButtons();
});
on('step', 'click', () => {
  if (busy !== 'fit') return startFit(true);
  isPaused = true;
  send({ kind: 'step' });
  setButtons();
});
on('stop', 'click', () => send({ kind: 'stop' }));
on('speed', 'change', () => send({ kind: 'interval', intervalMs: interval() }));
on('row', 'input', lookAtRow);
on('compare', 'click', compare);
on('save-model', 'click', () => {
  if (model) save(`${baseName()}-model.json`, 'application/json', `${JSON.stringify(model)}\n`);
});
on('save-labels', 'click', () => send({ kind: 'labels' }));
on('save-picture', 'click', () => {
  const what = model
    ? `Mixture of ${counted(model.nComponents, 'component')} fitted to ${fileName}`
    : `Rows of ${fileName}`;
  save(`${baseName()}.svg`, 'image/svg+xml', figure.picture(what));
});
for (const id of ['view', 'x-feature', 'y-feature']) {
  on(id, 'change', () => {
    showAxes();
    if (rows) figure.show(shownRows(rows), true);
  });
}
on('theme', 'change', applyTheme);
darkSystem.addEventListener('change', applyTheme);
new ResizeObserver(() => {
  showCurve(history, theme());
  comparison.draw();
}).observe(element('curve'));

// A file may be dropped anywhere.
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dragging');
});
addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) document.body.classList.remove('dragging');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dragging');
  const file = event.dataTransfer?.files[0];
  if (file) void openFile(file);
});
// Rows pasted anywhere but into a field.
addEventListener('paste', (event) => {
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
  const text = event.clipboardData?.getData('text/plain');
  if (!text) return;
  markExample(undefined);
  openText('pasted rows', text);
});

fillForm();
element<HTMLSelectElement>('speed').value = still.matches ? '0' : '90';
applyTheme();
openExample('faithful');
