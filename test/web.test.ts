// The web page in a real browser, opened from its file without a network: what it fits has the bits of Node, and
// everything on it can be read, reached and stopped.
// Must not look at the page's code: only at what a visitor sees and saves.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { type CovarianceType, type FitOptions, GaussianMixture, selectModel } from 'gaussmix';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { findBrowser } from '../scripts/runtimes.mjs';
import { clusters, loadExample } from './helpers/data.ts';
import { leftOut } from './helpers/left-out.ts';
import { download, drop, WebPage } from './helpers/page.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const faithful = loadExample('faithful');
const iris = loadExample('iris');
const site = new WebPage();
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gaussmix-web-test-'));
  await site.build();
});

afterAll(async () => {
  await site.end();
  rmSync(folder, { recursive: true, force: true });
});

/** A test on the open page; nothing may go wrong in it, and nothing may be fetched. */
function onPage(
  name: string,
  work: (page: Page) => Promise<void>,
  options: BrowserContextOptions = {},
): void {
  it(name, async (context: TestContext) => {
    const browser = findBrowser();
    if (browser.missing !== undefined) return leftOut(context, browser.missing);
    const open = await site.open(browser.executable, options);
    try {
      await work(open.page);
      expect(open.errors).toEqual([]);
      expect(open.requests).toEqual([]);
    } finally {
      await open.close();
    }
  });
}

/** Presses Fit and waits for the model. */
async function fit(page: Page, speed: string = '0'): Promise<void> {
  await page.selectOption('#speed', speed);
  await page.click('#fit');
  await page.locator('#save-model:enabled').waitFor();
}

async function openExample(page: Page, name: string, rows: number): Promise<void> {
  await page.click(`[data-example=${name}]`);
  await page.locator('#status', { hasText: `${rows} rows` }).waitFor();
}

async function fill(page: Page, values: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, value] of Object.entries(values)) {
    if (['covarianceType', 'initialization'].includes(id)) await page.selectOption(`#${id}`, value);
    else await page.fill(`#${id}`, value);
  }
}

const textOf = (page: Page, id: string): Promise<string> => page.locator(`#${id}`).innerText();

describe('the bits of Node', () => {
  onPage('faithful in two clicks: the file that the command line saves', async (page) => {
    await page.click('[data-example=faithful]');
    await page.click('#fit');
    await page.locator('#status', { hasText: 'Converged after 30 iterations' }).waitFor();
    const { name, text } = await download(page, '#save-model');
    expect(name).toBe('faithful-model.json');
    const saved = join(folder, 'model.json');
    const args = [
      'fit',
      'examples/faithful.csv',
      '-k',
      '2',
      '--init',
      'random-from-data',
      '-o',
      saved,
      '--quiet',
    ];
    execFileSync('node', ['dist/cli.js', ...args], { cwd: root });
    expect(text).toBe(readFileSync(saved, 'utf8'));
  });

  const cases: [string, number[][], FitOptions, readonly string[]][] = [
    [
      'iris, tied',
      iris,
      { nComponents: 3, covarianceType: 'tied', seed: 5, initialization: 'k-means++' },
      [],
    ],
    [
      'iris, restarts',
      iris,
      { nComponents: 2, covarianceType: 'diag', nInit: 4, initialization: 'random' },
      [],
    ],
    [
      'iris, two columns',
      iris.map((row) => [row[1], row[3]]),
      { nComponents: 4, covarianceType: 'spherical', maxIterations: 7, tolerance: 0 },
      ['0', '2'],
    ],
    ['iris, VEV', iris, { nComponents: 3, covarianceType: 'VEV', seed: 2 }, []],
    // By minorisation-maximisation: the longest way through the kernel.
    ['iris, EVE', iris, { nComponents: 2, covarianceType: 'EVE', initialization: 'k-means++' }, []],
  ];
  for (const [name, rows, options, unticked] of cases) {
    onPage(name, async (page) => {
      await openExample(page, 'iris', 150);
      for (const column of unticked) await page.uncheck(`#column-list input[value="${column}"]`);
      await page.click('#more summary');
      await fill(page, {
        initialization: 'kmeans',
        ...Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value)])),
      });
      await fit(page);
      const { featureNames, ...model } = JSON.parse((await download(page, '#save-model')).text);
      expect(featureNames).toHaveLength(rows[0].length);
      expect(model).toEqual(JSON.parse(JSON.stringify(GaussianMixture.fit(rows, options))));
    });
  }

  onPage('labels, responsibilities and criteria', async (page) => {
    await openExample(page, 'iris', 150);
    await fit(page);
    const model = GaussianMixture.fit(iris, { nComponents: 3 });
    const { name, text } = await download(page, '#save-labels');
    expect(name).toBe('iris-labels.csv');
    const [head, ...lines] = text.trim().split('\n');
    expect(head).toBe('Sepal.Length,Sepal.Width,Petal.Length,Petal.Width,Species,label,p0,p1,p2');
    expect(lines.map((line) => Number(line.split(',')[5]))).toEqual(Array.from(model.predict(iris)));
    expect(lines.map((line) => line.split(',').slice(6).map(Number))).toEqual(
      model.predictProba(iris).toArray(),
    );
    expect(lines[0]).toMatch(/^5\.1,3\.5,1\.4,0\.2,setosa,/);
    expect(await textOf(page, 'result')).toContain(`BIC ${Number(model.bic(iris).toPrecision(6))}`);
  });
});

describe('a fit under way', () => {
  onPage('goes step by step, pauses, resumes and stops with the model so far', async (page) => {
    await page.click('#step');
    await page.locator('#status', { hasText: 'Paused after iteration 1.' }).waitFor();
    for (const iteration of [2, 3]) {
      await page.click('#step');
      await page.locator('#status', { hasText: `Paused after iteration ${iteration}.` }).waitFor();
    }
    // Drawn in the frame after the status.
    await page.locator('#iteration', { hasText: /^3$/ }).waitFor();
    expect(await page.locator('#figure svg path[fill-opacity=".14"]').count()).toBe(2);
    await page.selectOption('#speed', '400');
    await page.click('#pause');
    await page.locator('#iteration', { hasText: '5' }).waitFor();
    await page.click('#pause');
    // One more may have been on its way.
    await page.locator('#status', { hasText: 'Paused after iteration' }).waitFor();
    await page.click('#stop');
    await page
      .locator('#status', { hasText: /^Stopped after \d+ iterations: this is the model so far/ })
      .waitFor();
    const { fitted, ...model } = JSON.parse((await download(page, '#save-model')).text);
    expect(fitted.converged).toBe(false);
    expect(fitted.iterations).toBeGreaterThanOrEqual(5);
    const expected = GaussianMixture.fit(faithful, {
      nComponents: 2,
      initialization: 'random-from-data',
      maxIterations: fitted.iterations,
      tolerance: 0,
    });
    expect(model.means).toEqual(expected.means.toArray());
    expect(model.weights).toEqual(Array.from(expected.weights));
    // Whole fits go on as before.
    await fit(page);
    expect(await textOf(page, 'status')).toMatch(/^Converged after 30/);
  });

  onPage('gives way to other data', async (page) => {
    await page.selectOption('#speed', '400');
    await page.click('#fit');
    await page.locator('#iteration', { hasText: '2' }).waitFor();
    await openExample(page, 'iris', 150);
    expect(await textOf(page, 'iteration')).toBe('–');
    await fit(page);
    expect(await textOf(page, 'status')).toMatch(/^Converged after 25/);
  });
});

describe('100,000 rows', () => {
  /**
   * Longest time, in ms, that the page's own thread worked without a pause during `work`. Time of the processor, not of
   * the clock: what other programs on the machine do in between is not the page's doing.
   */
  async function longestTask(page: Page, work: () => Promise<void>): Promise<number> {
    const browser = page.context().browser() as Browser;
    await browser.startTracing(page, { categories: ['toplevel'] });
    await work();
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
      traceEvents: { name: string; pid: number; tid: number; tdur?: number; args: { name?: string } }[];
    };
    const threads = new Set(
      traceEvents
        .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
        .map(({ pid, tid }) => `${pid} ${tid}`),
    );
    const tasks = traceEvents.filter(
      ({ name, pid, tid }) => name.endsWith('RunTask') && threads.has(`${pid} ${tid}`),
    );
    // A trace without tasks would prove nothing.
    expect(tasks.length).toBeGreaterThan(100);
    return Math.max(...tasks.map(({ tdur }) => tdur ?? 0)) / 1000;
  }

  onPage('are read, fitted and drawn while the page answers within 100 ms', async (page) => {
    const rows = clusters(100_000, 3, 4, 7);
    const file = join(folder, 'big.csv');
    writeFileSync(file, `x,y,z\n${rows.map((row) => row.join(',')).join('\n')}\n`);
    const longest = await longestTask(page, async () => {
      await page.setInputFiles('#file', file);
      await page.locator('#status', { hasText: '100,000 rows' }).waitFor();
      await fill(page, { nComponents: '4', initialization: 'random-from-data' });
      await fit(page);
      await page.waitForFunction(
        () => document.querySelectorAll('#figure [fill-opacity=".14"]').length === 24,
      );
    });
    expect(longest).toBeLessThanOrEqual(100);
    const { featureNames, ...model } = JSON.parse((await download(page, '#save-model')).text);
    expect(featureNames).toEqual(['x', 'y', 'z']);
    const options = { nComponents: 4, initialization: 'random-from-data' } as const;
    expect(model).toEqual(JSON.parse(JSON.stringify(GaussianMixture.fit(rows, options))));
    // Rows of every component are on the canvas, in its colour.
    const colours = await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#figure canvas');
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      const seen = new Set<string>();
      for (let i = 0; i < pixels.length; i += 4) seen.add(`${pixels[i]},${pixels[i + 1]},${pixels[i + 2]}`);
      return seen.size;
    });
    expect(colours).toBeGreaterThan(100);
  });
});

describe('mistakes are named where they are', () => {
  onPage('a broken file: beside the drop area, with its line; the next file is fine', async (page) => {
    await drop(page, 'broken.csv', 'a,b\n1,2\n3,4,5\n');
    const error = page.locator('#data-error');
    await error.waitFor();
    expect(await error.innerText()).toBe(
      'broken.csv, line 3: 3 cells, but line 1 has 2. Every row must have as many.',
    );
    expect(await page.locator('#fit').isDisabled()).toBe(true);
    await drop(page, 'good.csv', faithful.map((row) => row.join(';')).join('\n'));
    await page.locator('#status', { hasText: '272 rows, 2 columns' }).waitFor();
    expect(await error.isVisible()).toBe(false);
    await fit(page);
    expect(await textOf(page, 'result')).toContain('column 2');
  });

  onPage('missing cells and text: below the columns, with line, column and remedy', async (page) => {
    await drop(page, 'gaps.csv', 'a,b,kind\n1,2,x\n3,,y\n5,7,x\n6,8,y\n9,1,x\n');
    const error = page.locator('#columns-error');
    await error.waitFor();
    expect(await error.innerText()).toMatch(
      /^line 3, column 2 \("b"\): the cell is empty.*leave out the rows/,
    );
    expect(await textOf(page, 'column-list')).toMatch(/kind \(left out: not numbers\)/);
    await page.check('#leave-out');
    await page
      .locator('#status', { hasText: '4 rows, 2 columns (1 row with missing cells left out)' })
      .waitFor();
    expect(await error.isVisible()).toBe(false);
    await page.check('#column-list input[value="2"]');
    await error.waitFor();
    expect(await error.innerText()).toMatch(/^line 2, column 3 \("kind"\): "x" is not a number/);
    await page.uncheck('#column-list input[value="2"]');
    await page.locator('#fit:enabled').waitFor();
    await fill(page, { nComponents: '1' });
    await fit(page);
    const { text } = await download(page, '#save-labels');
    expect(text.split('\n')[2]).toBe('3,,y,,');
  });

  onPage('options: below their fields, which are marked and get the focus', async (page) => {
    await fill(page, { nComponents: '0', seed: '' });
    await page.click('#fit');
    expect(await textOf(page, 'nComponents-error')).toBe(
      'Components must be a whole number from 1 to 272. It is 0.',
    );
    expect(await textOf(page, 'seed-error')).toBe(
      'Seed must be a whole number of at least 0. There is none.',
    );
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('nComponents');
    expect(await page.getAttribute('#seed', 'aria-invalid')).toBe('true');
    await fill(page, { nComponents: '2', seed: '0' });
    expect(await page.locator('.error:visible').count()).toBe(0);
    await page.click('#more summary');
    await fill(page, { tolerance: '-1' });
    await page.click('#more summary');
    await page.click('#fit');
    // The field is shown, though its part of the form was folded.
    await page.locator('#tolerance-error:visible').waitFor();
  });

  onPage('data that cannot be fitted: below Fit, in the words of the columns', async (page) => {
    await page.click('#paste summary');
    await page.fill('#pasted', `x,y\n${Array.from({ length: 9 }, (_, i) => `${i},5`).join('\n')}`);
    await page.click('#use-pasted');
    await page.locator('#status', { hasText: '9 rows' }).waitFor();
    await page.click('#fit');
    const error = page.locator('#fit-error:visible');
    await error.waitFor();
    expect(await error.innerText()).toContain('"y"');
    await page.locator('#fit:enabled').waitFor();
  });
});

/** All models, in the order of the page: by orientation, as in README's table. */
const MODELS: readonly CovarianceType[] = [
  ...(['EII', 'spherical'] as const),
  ...(['EEI', 'VEI', 'EVI', 'diag'] as const),
  ...(['tied', 'VEE', 'EVE', 'VVE'] as const),
  ...(['EEV', 'VEV', 'EVV', 'full'] as const),
];

describe('comparing models', () => {
  onPage('offers the models in families, with words', async (page) => {
    const options = page.locator('#covarianceType option');
    const values = await options.evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
    expect(values).toEqual(MODELS);
    for (const text of await options.allTextContents()) expect(text).toMatch(/^\w+: \w+/);
    const families = page.locator('#covarianceType optgroup');
    const sizes = await families.evaluateAll((all) => all.map((one) => one.children.length));
    expect(sizes).toEqual([2, 4, 4, 4]);
    expect(await page.inputValue('#covarianceType')).toBe('full');
  });

  onPage('over all fourteen on faithful: every BIC has the bits of the library', async (page) => {
    const most = 4;
    await page.check('#all-models');
    expect(await textOf(page, 'models-summary')).toBe('Models to compare: all');
    await fill(page, { most: String(most), initialization: 'kmeans' });
    await page.click('#compare');
    await page.locator('#select-status', { hasText: 'Lowest BIC' }).waitFor();
    await page.click('#bic-details summary');
    const buttons = page.locator('#bic-table button');
    // The figure in full is the button's title: the shortest decimals that give the same bits.
    const shown = await buttons.evaluateAll((all) => all.map((one) => Number((one as HTMLElement).title)));
    const nComponents = Array.from({ length: most }, (_, i) => i + 1);
    // The page fits each cell alone.
    const { best, table } = selectModel(faithful, {
      nComponents,
      covarianceTypes: MODELS,
      consistent: false,
    });
    const bicOf = (k: number, type: CovarianceType): number | undefined =>
      table.find((row) => row.nComponents === k && row.covarianceType === type)?.bic;
    expect(shown).toEqual(nComponents.flatMap((k) => MODELS.map((type) => bicOf(k, type))));
    expect(await textOf(page, 'select-status')).toContain(
      `${best.covarianceType}, ${best.nComponents} components`,
    );
    expect(await page.locator('#bic-legend b').allTextContents()).toEqual([best.covarianceType]);
    // Curves differ without their colours: in dashes by family, in marks within it.
    const legend = page.locator('#bic-legend span:has(svg)');
    const looks = await legend.evaluateAll((all) =>
      all.map((one) =>
        Array.from(one.querySelectorAll('path'), (path) =>
          path.getAttribute(path.hasAttribute('stroke') ? 'stroke-dasharray' : 'd'),
        ).join(' '),
      ),
    );
    expect(new Set(looks).size).toBe(MODELS.length);
  });

  onPage('compares the models ticked, and asks for one', async (page) => {
    await page.click('#models-summary');
    for (const type of ['spherical', 'diag', 'tied', 'full']) await page.uncheck(`#models [value=${type}]`);
    await page.click('#compare');
    await page.locator('#models-error:visible', { hasText: 'Tick at least one' }).waitFor();
    await page.check('#models [value=VVE]');
    expect(await textOf(page, 'models-summary')).toBe('Models to compare: VVE');
    expect(await page.locator('.error:visible').count()).toBe(0);
    await page.fill('#most', '2');
    await page.click('#compare');
    await page.locator('#select-status', { hasText: 'Lowest BIC: VVE' }).waitFor();
    expect(await page.locator('#bic-table thead th').allTextContents()).toEqual(['Components', 'VVE']);
    await page.check('#all-models');
    expect(await page.locator('#models :checked').count()).toBe(MODELS.length);
    await page.uncheck('#models [value=EII]');
    expect(await page.isChecked('#all-models')).toBe(false);
  });

  onPage(
    'draws a curve for each of the usual models, the best the boldest; a press on a figure or a point shows its model',
    async (page) => {
      await openExample(page, 'iris', 150);
      await page.fill('#most', '4');
      await page.click('#compare');
      await page.locator('#select-status', { hasText: 'Lowest BIC: full, 2 components' }).waitFor();
      expect(await page.locator('#bic svg path[stroke-opacity]').count()).toBe(3);
      expect(await page.locator('#bic svg path[stroke-width="2.5"]').count()).toBe(1);
      await page.click('#bic-details summary');
      const shown = await page.locator('#bic-table button').allInnerTexts();
      const expected = [1, 2, 3, 4].flatMap((nComponents) =>
        (['spherical', 'diag', 'tied', 'full'] as const).map((covarianceType) =>
          GaussianMixture.fit(iris, { nComponents, covarianceType }).bic(iris).toFixed(1),
        ),
      );
      expect(shown).toEqual(expected);
      await page.click('#bic-table button.best');
      await page.locator('#status', { hasText: 'Showing full with 2 components' }).waitFor();
      expect(await page.inputValue('#nComponents')).toBe('2');
      const { featureNames, ...model } = JSON.parse((await download(page, '#save-model')).text);
      expect(featureNames).toHaveLength(4);
      expect(model).toEqual(JSON.parse(JSON.stringify(GaussianMixture.fit(iris, { nComponents: 2 }))));
      // The ring is about the best point.
      await page.locator('#bic svg circle').click({ force: true });
      await page.locator('#status', { hasText: 'Showing full with 2 components' }).waitFor();
    },
  );

  onPage('can be stopped, and says which models cannot be fitted', async (page) => {
    await page.fill('#most', '30');
    await page.click('#more summary');
    await fill(page, { tolerance: '0' });
    await page.click('#compare');
    await page.locator('#bic svg').waitFor();
    await page.click('#compare');
    await page.locator('#select-status', { hasText: 'Stopped' }).waitFor();
    expect(await textOf(page, 'compare')).toBe('Compare models');
    await drop(page, 'few.csv', 'x\n1\n2\n4\n');
    await page.locator('#status', { hasText: '3 rows, 1 column' }).waitFor();
    await page.fill('#most', '5');
    await fill(page, { tolerance: '0.001', nComponents: '1' });
    await page.click('#compare');
    await page.locator('#select-status', { hasText: /could not be fitted: .*only 3 rows/ }).waitFor();
  });
});

describe('pictures', () => {
  onPage('one feature: histogram and densities; more: a matrix, or the axes chosen', async (page) => {
    await openExample(page, 'iris', 150);
    await fit(page);
    expect(await page.locator('#figure clipPath').count()).toBe(16);
    await page.selectOption('#view', 'pair');
    await page.selectOption('#x-feature', { label: 'Petal.Length' });
    await page.selectOption('#y-feature', { label: 'Sepal.Width' });
    await page.waitForFunction(() => document.querySelectorAll('#figure clipPath').length === 1);
    const labels = await page.locator('#figure svg text').allTextContents();
    expect(labels).toEqual(expect.arrayContaining(['Petal.Length', 'Sepal.Width']));
    await page.selectOption('#view', 'one');
    await page.waitForFunction(() =>
      Array.from(document.querySelectorAll('#figure text')).some((text) => text.textContent === 'density'),
    );
    const { name, text } = await download(page, '#save-picture');
    expect(name).toBe('iris.svg');
    expect(text).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(text).toContain('<title>Mixture of 3 components fitted to iris.csv</title>');
    expect(text.match(/https?:/g)).toHaveLength(1);
  });

  onPage('the pointer at a row shows its responsibilities, and so does its number', async (page) => {
    await page.selectOption('#initialization', 'kmeans');
    await fit(page);
    const model = GaussianMixture.fit(faithful, { nComponents: 2 });
    const [first, second] = model.predictProba([faithful[23]]).row(0);
    await page.fill('#row', '24');
    const words = page.locator('#row-out', { hasText: 'Row 24, line 25' });
    await words.waitFor();
    await page.locator('#row-out', { hasText: 'component 0' }).waitFor();
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    expect(await words.innerText()).toContain(
      `component 0: ${percent(first)}, component 1: ${percent(second)}`,
    );
    const ring = page.locator('#figure svg circle');
    const box = await ring.boundingBox();
    await page.fill('#row', '');
    await page.mouse.move(box!.x + box!.width / 2, box!.y + box!.height / 2);
    const tip = page.locator('.tip:visible', { hasText: percent(second) });
    await tip.waitFor();
    expect(await tip.innerText()).toContain('Row 24, line 25');
    await page.mouse.move(5, 5);
    await page.locator('.tip:visible').waitFor({ state: 'detached' });
  });

  onPage('points drawn by pointer and keyboard are fitted', async (page) => {
    await page.click('[data-example=draw]');
    await page.locator('#status', { hasText: 'Draw some points' }).waitFor();
    const box = await page.locator('#figure').boundingBox();
    for (const [x, y] of [
      [200, 120],
      [210, 130],
      [220, 118],
    ]) {
      await page.mouse.click(box!.x + x, box!.y + y);
    }
    await page.locator('#status', { hasText: '3 rows' }).waitFor();
    await page.focus('#figure');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press(' ');
    await page.locator('#status', { hasText: '5 rows' }).waitFor();
    await page.click('#add-cluster');
    await page.locator('#status', { hasText: '45 rows' }).waitFor();
    await fit(page);
    const { text } = await download(page, '#save-labels');
    const rows = text.trim().split('\n').slice(1);
    expect(rows).toHaveLength(45);
    expect(rows[3]).toMatch(/^5\.2,5,/);
    expect(rows[4]).toMatch(/^5\.2,4\.8,/);
    await page.click('#undo-point');
    await page.locator('#status', { hasText: '44 rows' }).waitFor();
    await page.click('#clear-points');
    await page.locator('#status', { hasText: 'Draw some points' }).waitFor();
  });
});

describe('for everyone', () => {
  /** What axe-core finds wrong, by rule and element. */
  async function violations(page: Page): Promise<string[]> {
    // The page's policy lets no script in but its own; a test may.
    await page.evaluate(axe.source);
    return page.evaluate(async () => {
      const { axe: checker } = window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations: found } = await checker.run();
      return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    onPage(
      `axe-core finds nothing: ${colorScheme}`,
      async (page) => {
        expect(await violations(page)).toEqual([]);
        await page.click('#more summary');
        await page.click('#paste summary');
        await fit(page);
        expect(await violations(page)).toEqual([]);
        await openExample(page, 'iris', 150);
        await fit(page);
        await page.fill('#most', '2');
        await page.check('#all-models');
        await page.click('#models-summary');
        await page.click('#compare');
        await page.locator('#select-status', { hasText: 'Lowest' }).waitFor();
        await page.click('#bic-details summary');
        await page.fill('#row', '7');
        expect(await violations(page)).toEqual([]);
        await fill(page, { nComponents: '0' });
        await page.click('#fit');
        expect(await violations(page)).toEqual([]);
        await page.click('[data-example=draw]');
        await page.locator('#status', { hasText: 'Draw' }).waitFor();
        expect(await violations(page)).toEqual([]);
        await drop(page, 'bad.csv', 'a,b\n1\n');
        await page.locator('#data-error:visible').waitFor();
        expect(await violations(page)).toEqual([]);
      },
      { colorScheme },
    );
  }

  onPage(
    'a phone shows everything without scrolling sideways',
    async (page) => {
      const overflow = (): Promise<number> =>
        page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(await overflow()).toBeLessThanOrEqual(0);
      await openExample(page, 'iris', 150);
      await fit(page);
      // The picture has come into view.
      await page.waitForFunction(
        () => (document.getElementById('figure')?.getBoundingClientRect().top ?? 1e9) < 740,
      );
      await page.fill('#most', '3');
      await page.check('#all-models');
      await page.click('#models-summary');
      await page.click('#compare');
      await page.locator('#select-status', { hasText: 'Lowest' }).waitFor();
      await page.click('#bic-details summary');
      // The table scrolls within its place, to the best figure first.
      const isInSight = (): Promise<boolean> =>
        page.evaluate(() => {
          const { left, right } = document.querySelector('#bic-table .best')!.getBoundingClientRect();
          return left >= 0 && right <= window.innerWidth;
        });
      await expect.poll(isInSight).toBe(true);
      expect(await overflow()).toBeLessThanOrEqual(0);
      expect(await violations(page)).toEqual([]);
    },
    { viewport: { width: 360, height: 740 } },
  );

  onPage('the keyboard alone fits faithful, and keeps its place', async (page) => {
    const tabTo = async (id: string): Promise<void> => {
      for (let press = 0; press < 40; press++) {
        await page.keyboard.press('Tab');
        const at = await page.evaluate(
          () => document.activeElement?.id || document.activeElement?.textContent,
        );
        if (at === id) return;
      }
      throw new Error(`Tab does not reach ${id}`);
    };
    await tabTo('Old Faithful');
    await page.keyboard.press('Enter');
    await page.locator('#fit:enabled').waitFor();
    await tabTo('fit');
    await page.keyboard.press('Enter');
    await page.locator('#save-model:enabled').waitFor();
    // Fit is disabled during the fit: the focus goes to Pause, and back when that is disabled in turn.
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('fit');
    expect(await textOf(page, 'status')).toMatch(/^Converged/);
  });

  onPage('the theme can be chosen', async (page) => {
    const background = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.selectOption('#theme', 'dark');
    expect(await background()).not.toBe(light);
    await page.selectOption('#theme', 'system');
    expect(await background()).toBe(light);
  });

  onPage(
    'who wants less motion sees the end at once',
    async (page) => {
      expect(await page.inputValue('#speed')).toBe('0');
      await page.click('#fit');
      await page.locator('#save-model:enabled').waitFor();
      await page.waitForFunction(
        () => document.querySelectorAll('#figure [fill-opacity=".14"]').length === 2,
      );
    },
    { reducedMotion: 'reduce' },
  );
});

it('the page is one file that names no other and may fetch nothing', () => {
  const { html } = site;
  expect(html).toContain(`content="default-src 'none';`);
  expect(html).toContain('Copyright 2010-2026 Mike Bostock');
  expect(html).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)="(?!data:)/);
  expect(html.length).toBeLessThan(400_000);
});
