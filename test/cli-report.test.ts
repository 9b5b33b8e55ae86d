// `gaussmix report` and `gaussmix select --report`: the numbers of the file are the library's, it is safe to open, and it
// can be read in a browser without a network, light, dark and on paper.
// Must not import the code that writes reports: what is tested is the file.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { GaussianMixture, type ModelJSON } from 'gaussmix';
import type { Browser } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../scripts/runtimes.mjs';
import { launch } from './helpers/browser.ts';
import { run, temporaryFolder, writer } from './helpers/command.ts';
import { clusters, generator, loadExample } from './helpers/data.ts';
import { leftOut } from './helpers/left-out.ts';
import { npyBytes } from './helpers/npy.ts';

const folder = temporaryFolder();
const write = writer(folder);
const irisFile = fileURLToPath(new URL('../examples/iris.csv', import.meta.url));
const faithfulFile = fileURLToPath(new URL('../examples/faithful.csv', import.meta.url));
const iris = loadExample('iris');

async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Fits with some arguments, reports with others; gives the model and the HTML. */
async function reported(
  name: string,
  data: string,
  fit: readonly string[],
  report: readonly string[] = [],
): Promise<{ model: GaussianMixture; json: ModelJSON; html: string; file: string }> {
  const saved = join(folder, `${name}.json`);
  const file = join(folder, `${name}.html`);
  await ok(['fit', data, '-q', '-o', saved, ...fit]);
  expect(await ok(['report', saved, data, '-o', file, ...report])).toBe('');
  const json = JSON.parse(readFileSync(saved, 'utf8'));
  return { model: GaussianMixture.fromJSON(json), json, html: readFileSync(file, 'utf8'), file };
}

/** The HTML of a section, by the anchor of its heading. */
function section(html: string, id: string): string {
  const found = new RegExp(`<section aria-labelledby="${id}">(.*?)</section>`, 's').exec(html);
  if (!found) throw new Error(`the report has no section ${id}`);
  return found[1];
}

/** The numbers in a piece of HTML, as programs read them. */
function numbers(html: string): number[] {
  return [...html.matchAll(/<data value="([^"]*)">/g)].map(([, value]) => Number(value));
}

function text(html: string): string {
  return html
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replaceAll('−', '-');
}

describe('the numbers', () => {
  it('are those of the model and of the library, in full precision: iris', async () => {
    const { model, json, html } = await reported('iris', irisFile, ['-k', '3', '--columns', '1-4']);
    const { logLikelihood, bic, aic, icl } = model.criteria(iris);
    const { fitted } = json;
    expect(numbers(section(html, 'summary'))).toEqual([
      150,
      4,
      3,
      model.nParameters,
      fitted?.iterations,
      logLikelihood / 150,
      logLikelihood,
      bic,
      aic,
      icl,
    ]);
    expect(text(section(html, 'summary'))).toContain('Convergedyes, after');
    expect(text(section(html, 'summary'))).toContain(`BIC${bic.toFixed(2)} =`);
    expect(html).not.toContain('Warning');

    const labels = model.predict(iris);
    const sizes = [0, 1, 2].map((k) => labels.filter((label) => label === k).length);
    const explained = iris[0].map((_, feature) => {
      const means = json.means.map((row) => row[feature]);
      const mean = means.reduce((sum, value, k) => sum + json.weights[k] * value, 0);
      const between = means.reduce((sum, value, k) => sum + json.weights[k] * (value - mean) ** 2, 0);
      const within = json.covariances.reduce((sum, c, k) => sum + json.weights[k] * c[feature][feature], 0);
      return between / (between + within);
    });
    const parameters = [
      ...json.weights.flatMap((weight, k) => [weight, sizes[k]]),
      ...explained.flatMap((share, feature) => [
        ...json.means.flatMap((mean, k) => [mean[feature], Math.sqrt(json.covariances[k][feature][feature])]),
        share,
      ]),
    ];
    const found = numbers(section(html, 'components'));
    expect(found).toHaveLength(parameters.length);
    // Weights, means and deviations to the bit; shares are sums in another order than here.
    found.forEach((value, i) => {
      if (i > 5 && (i - 5) % 7 === 0) expect(Math.abs(value - parameters[i])).toBeLessThan(1e-14);
      else expect(value).toBe(parameters[i]);
    });

    const correlations = json.covariances.flatMap((c) =>
      c.flatMap((row, i) => row.map((v, j) => (i === j ? 1 : v / (Math.sqrt(c[i][i]) * Math.sqrt(c[j][j]))))),
    );
    expect(numbers(section(html, 'correlations'))).toEqual(correlations);

    const uncertain = Array.from(model.uncertainty(iris));
    const counts = [0, 0.001, 0.01, 0.05, 0.1, 0.25].map(
      (from, i, limits) => uncertain.filter((u) => u >= from && u < (limits[i + 1] ?? 0.5)).length,
    );
    const resp = model.predictProba(iris);
    const most = uncertain
      .map((u, row) => ({ u, row }))
      .sort((a, b) => b.u - a.u || a.row - b.row)
      .slice(0, 10)
      .flatMap(({ u, row }) => [
        row + 1,
        u,
        ...Array.from(resp.row(row))
          .sort((a, b) => b - a)
          .slice(0, 2),
      ]);
    const [mean, ...others] = numbers(section(html, 'uncertainty'));
    // A mean of 150 numbers below one, summed in another order.
    expect(Math.abs(mean - uncertain.reduce((a, b) => a + b) / 150)).toBeLessThan(1e-15);
    expect(others).toEqual([...counts.flatMap((count) => [count, count / 150]), ...most]);

    expect(numbers(section(html, 'course'))).toEqual([fitted?.history[0], fitted?.logLikelihood]);
  });

  it('look like what they are: to half a unit of the last digit shown', async () => {
    const { html } = await reported('faithful', faithfulFile, ['-k', '2']);
    let checked = 0;
    for (const [, value, shown] of html.matchAll(/<data value="([^"]*)">([^<]*)<\/data>/g)) {
      const plain = shown.replace('−', '-').replaceAll(',', '');
      const [, digits, share] = /^(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)( %)?$/.exec(plain) ?? [];
      if (digits === undefined) {
        expect(shown).toMatch(/^(below 0\.1|above 99\.9) %$/);
        continue;
      }
      const [mantissa, exponent = '0'] = digits.split('e');
      const unit = 10 ** (Number(exponent) - (mantissa.split('.')[1] ?? '').length);
      // The half itself, and the roundings of this comparison.
      expect(Math.abs(Number(digits) - Number(value) * (share ? 100 : 1))).toBeLessThanOrEqual(
        0.500001 * unit,
      );
      checked++;
    }
    expect(checked).toBeGreaterThan(50);
  });

  it('follow the weights', async () => {
    const rows = loadExample('faithful').map((row, i) => [...row, i % 3]);
    const data = write('weighted.csv', `a,b,w\n${rows.map((row) => row.join(',')).join('\n')}\n`);
    const { model, html } = await reported(
      'weighted',
      data,
      ['-k', '2', '--weights', 'w'],
      ['--weights', 'w'],
    );
    const sampleWeight = rows.map((row) => row[2]);
    const pairs = rows.map((row) => row.slice(0, 2));
    const { logLikelihood, bic, aic, icl } = model.criteria(pairs, { sampleWeight });
    const total = sampleWeight.reduce((a, b) => a + b);
    expect(numbers(section(html, 'summary')).slice(-5)).toEqual([
      logLikelihood / total,
      logLikelihood,
      bic,
      aic,
      icl,
    ]);
    expect(text(section(html, 'summary'))).toContain(`Weightscolumn w, adding up to ${total}`);
    const labels = model.predict(pairs);
    const sums = [0, 1].map((k) => sampleWeight.reduce((sum, w, i) => sum + (labels[i] === k ? w : 0), 0));
    const [, first, , second] = numbers(section(html, 'components'));
    expect([first, second]).toEqual(sums);
    expect(html).not.toContain('Warning');
    expect(text(html)).toContain('rows of weight 0 are left out');
    expect(html.match(/h0/g)).toHaveLength(sampleWeight.filter((w) => w > 0).length);

    const without = join(folder, 'unweighted.html');
    await ok(['report', join(folder, 'weighted.json'), data, '--columns', 'a,b', '-o', without]);
    expect(text(readFileSync(without, 'utf8'))).toContain(
      'fitted to other rows or with weights (give them: --weights)',
    );
  });

  it('tell what is not as it should be', async () => {
    const { html } = await reported('short', faithfulFile, ['-k', '3', '--max-iterations', '2']);
    expect(text(html)).toContain('the fit did not converge');
    expect(text(section(html, 'summary'))).toMatch(/Warning.*--max-iterations/s);
    const few = write('few.csv', readFileSync(faithfulFile, 'utf8').split('\n').slice(0, 51).join('\n'));
    await ok(['report', join(folder, 'short.json'), few, '-o', join(folder, 'few.html')]);
    expect(text(readFileSync(join(folder, 'few.html'), 'utf8'))).toContain(
      'was fitted to 272 rows, not to these 50',
    );
    const made = GaussianMixture.fromParameters({
      weights: [1],
      means: [[3, 70]],
      covariances: [[1, 0, 0, 100]],
    });
    const bare = await run(['report', write('made.json', JSON.stringify(made)), faithfulFile, '-o', '-']);
    expect(bare.code).toBe(0);
    expect(text(bare.stdout)).toContain('unknown: the model has no record of its fit');
    expect(text(section(bare.stdout, 'uncertainty'))).toContain('There is one component');
  });
});

describe('sizes', () => {
  it('of one feature: histogram and densities, no correlations', async () => {
    const data = write(
      'one.csv',
      `x\n${loadExample('faithful')
        .map((row) => row[1])
        .join('\n')}\n`,
    );
    const { html } = await reported('one', data, ['-k', '2', '--covariance', 'tied']);
    expect(html).not.toContain('id="correlations"');
    expect(text(html)).toContain('all components share one variance');
    expect(section(html, 'picture').match(/<svg/g)).toHaveLength(1);
  });

  it('of many features and components: the six that the components explain most, the strongest correlations', async () => {
    const uniform = generator(4);
    const rows = Array.from({ length: 300 }, (_, i) =>
      Array.from({ length: 12 }, (_, j) => uniform() + (j >= 5 && j < 11 ? (i % 14) * j : 0)),
    );
    const names = rows[0].map((_, j) => `f${j}`);
    const data = write('wide.csv', `${names}\n${rows.join('\n')}\n`);
    const { html } = await reported('wide', data, ['-k', '14', '--max-iterations', '3']);
    expect(text(html)).toContain(
      'Shown are 6 of 12 features: those whose variance the components explain most',
    );
    expect(html).toContain('<title>Rows and components in f5, f6, f7, f8, f9, f10</title>');
    expect(html.match(/The 10 strongest of 66 correlations, component \d+<\/p>/g)).toHaveLength(12);
    expect(text(section(html, 'correlations'))).toContain('2 more components of the least weight not shown');
    expect(html.match(/>Mean ± standard deviation, components [\d to]+/g)).toHaveLength(3);
  });

  it('of many rows: a stated subset of dots, a small file, the same bytes each time', async () => {
    const n = 50_000;
    const rows = write('many.npy', npyBytes(clusters(n, 6, 3, 5).flat(), [n, 6]));
    const { html, file } = await reported('many', rows, ['-k', '3', '--max-iterations', '2']);
    expect(html.length).toBeLessThan(2e6);
    expect(text(html)).toContain('2,000 of 50,000 rows, a random subset (seed 0), are dots');
    expect(html.match(/h0/g)).toHaveLength(30 * 2000);
    const again = join(folder, 'again.html');
    await ok(['report', join(folder, 'many.json'), rows, '-o', again]);
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(file, 'utf8'));
  });

  it.each('full tied diag spherical EII EEI VEI EVI VEE EVE VVE EEV VEV EVV'.split(' '))(
    '%s covariances are put in words',
    async (type) => {
      const { html } = await reported('type', faithfulFile, ['-k', '2', '--covariance', type]);
      expect(text(section(html, 'summary'))).toMatch(new RegExp(`Covariances${type}.{10,}`));
      const count = { tied: 1, VEE: 1 }[type] ?? (/^(diag|spherical|..I)$/.test(type) ? 0 : 2);
      expect(html.match(/>Correlations, /g) ?? []).toHaveLength(count);
    },
  );
});

describe('select --report', () => {
  const file = join(folder, 'select.html');
  const args = ['select', irisFile, '-k', '1-3,160', '--columns', '1-4', '--covariance', 'full,diag'];

  it('has the criteria of every cell, and the reasons of those that failed', async () => {
    const saved = join(folder, 'best.json');
    const output = JSON.parse(await ok([...args, '--json', '--report', file, '-o', saved]));
    const html = readFileSync(file, 'utf8');
    const cells = output.selection.table as { nComponents: number; bic?: number }[];
    expect(numbers(section(html, 'selection'))).toEqual(
      cells.flatMap(({ bic }) => (bic === undefined ? [] : [bic])),
    );
    expect(text(section(html, 'selection'))).toContain('160failedfailed');
    expect(text(section(html, 'selection'))).toContain(
      '160 components (full, diag): -k is 160, but the data has only 150 rows',
    );
    expect(section(html, 'selection')).toMatch(
      new RegExp(`class="best"><data value="${output.criteria.bic}"`),
    );
    expect(section(html, 'selection')).toContain('<title>BIC by number of components');
    const { bic, aic, icl } = output.criteria;
    expect(numbers(section(html, 'summary')).slice(-3)).toEqual([bic, aic, icl]);
    // Otherwise the report of the model that is saved.
    const alone = await run(['report', saved, irisFile, '-o', '-']);
    for (const id of ['components', 'picture', 'correlations', 'uncertainty', 'course']) {
      expect(section(html, id)).toBe(section(alone.stdout, id));
    }
  });

  it.each([
    [['--report', '-'], '--report - : a report goes to a file'],
    [['--report', 'a.html', '-o', './a.html'], '-o and --report are the same file, ./a.html: give another'],
    [
      ['--report', irisFile],
      `--report ${irisFile} is the same file as DATA, which would be lost: give another`,
    ],
  ])('%j is wrong usage', async (more, message) => {
    const { code, stderr } = await run([...args, ...more]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `gaussmix: ${message} (see gaussmix select --help)\n`,
    });
  });
});

describe('what is refused', () => {
  const model = write(
    'two.json',
    JSON.stringify(GaussianMixture.fit(loadExample('faithful'), { nComponents: 2 })),
  );

  it('without -o: wrong usage', async () => {
    const { code, stderr } = await run(['report', model, faithfulFile]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'gaussmix: -o is missing: give the file to write, such as -o report.html (see gaussmix report --help)\n',
    );
  });

  it.each([
    [['report', model], 2, 'DATA is missing'],
    [['report', model, faithfulFile, '-o', model], 2, 'is the same file as MODEL.json'],
    [['report', model, faithfulFile, '-o', join(folder, 'no/such.html')], 1, 'no such file or folder'],
    [
      ['report', model, irisFile, '--columns', '1-3', '-o', join(folder, 'x.html')],
      1,
      'chooses 3 columns, but the model has 2',
    ],
    [['report', faithfulFile, faithfulFile, '-o', join(folder, 'x.html')], 1, 'is not JSON'],
    [
      ['report', model, faithfulFile, '-o', join(folder, 'x.html'), '--weights', 'w'],
      1,
      'there is no column "w"',
    ],
  ] as [string[], number, string][])('%j', async (args, code, message) => {
    const result = await run(args);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(message);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(join(folder, 'x.html'))).toBe(false);
  });

  it('leaves the file that was there when it fails', async () => {
    const file = write('old.html', 'old');
    const bad = write('bad.csv', 'eruptions,waiting\n1,2\n3,x\n');
    expect((await run(['report', model, bad, '-o', file])).code).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('old');
  });
});

it('text from files never becomes markup', async () => {
  const nasty = '</title><script>alert(1)</script><img src=x onerror=alert(2)>';
  const name = process.platform === 'win32' ? 'a&b.csv' : `"'><svg onload=alert(3)>&amp;.csv`;
  const rows = loadExample('faithful').map((row) => row.join(','));
  const data = write(name, `"${nasty}","a""b'&lt;"\n${rows.join('\n')}\n`);
  const { html } = await reported('nasty', data, ['-k', '2']);
  expect(/<(script|img|svg onload)/.exec(html)).toBeNull();
  expect(text(section(html, 'summary'))).toContain(basename(data));
  expect(text(section(html, 'summary'))).toContain(nasty);
  expect(text(section(html, 'summary'))).toContain(`a"b'&lt;`);
});

describe('in a browser, from its file, without a network', () => {
  let browser: Browser | undefined;
  afterAll(() => browser?.close());

  it.for<[name: string, data: string, fit: string[]]>([
    ['iris', irisFile, ['-k', '3', '--columns', '1-4']],
    ['faithful', faithfulFile, ['-k', '2']],
    ['one', faithfulFile, ['-k', '2', '--columns', '2']],
    ['select', irisFile, ['-k', '1-4', '--columns', '1-4']],
  ])('%s: nothing is fetched, nothing goes wrong, axe-core finds nothing', async (report, context) => {
    const found = findBrowser();
    if (found.missing !== undefined) return leftOut(context, found.missing);
    browser ??= await launch(found.executable);
    const [name, data, fit] = report;
    const file = join(folder, `browser-${name}.html`);
    if (name === 'select') await ok(['select', data, ...fit, '-q', '--report', file]);
    else await reported(`browser-${name}`, data, fit);
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1200, 390]) {
        // axe-core is a script, which the report itself forbids.
        const page = await browser.newPage({
          colorScheme,
          bypassCSP: true,
          viewport: { width, height: 900 },
        });
        await page.context().setOffline(true);
        const problems: string[] = [];
        const address = pathToFileURL(file).href;
        page.on('pageerror', ({ message }) => problems.push(message));
        page.on('console', (message) => problems.push(message.text()));
        page.on('request', (request) => {
          if (request.url() !== address && request.url() !== 'data:,') problems.push(request.url());
        });
        await page.goto(address);
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() =>
          (window as unknown as { axe: { run(): Promise<{ violations: { id: string }[] }> } }).axe.run(),
        );
        expect(violations.map(({ id }) => id)).toEqual([]);
        // Nothing but tables scrolls sideways.
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(
          true,
        );
        const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        expect(await background()).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 24, 29)');
        await page.emulateMedia({ media: 'print' });
        expect(await background()).toBe('rgb(255, 255, 255)');
        expect(await page.locator('nav').isVisible()).toBe(false);
        expect(problems).toEqual([]);
        await page.close();
      }
    }
  });
});
