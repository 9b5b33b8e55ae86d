// Missing cells on the command line: --missing marginalize and `gaussmix impute`, against the library.
// Must not test the mathematics: missing.test.ts does.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GaussianMixture, type ModelJSON } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder, writer } from './helpers/command.ts';
import { loadExample } from './helpers/data.ts';
import { withHoles } from './helpers/missing.ts';
import { npyBytes } from './helpers/npy.ts';

const folder = temporaryFolder();
const write = writer(folder);
const rows = withHoles(loadExample('iris'), 0.1, 2);
const names = ['sepal length', 'sepal width', 'petal length', 'petal width'];
const SPELLINGS = ['', 'NA', 'N/A', 'NaN', 'null', '?', ' none '];

/** The rows as CSV, what is missing in every spelling there is. */
function csv(data: readonly number[][], header: readonly string[] = names): string {
  let next = 0;
  const cell = (value: number) => (Number.isNaN(value) ? SPELLINGS[next++ % SPELLINGS.length] : `${value}`);
  return `${header.join(',')}\n${data.map((row) => row.map(cell).join(',')).join('\n')}\n`;
}

const file = write('iris-holes.csv', csv(rows));
const npy = write('iris-holes.npy', npyBytes(rows.flat(), [rows.length, 4]));
const MISSING = ['--missing', 'marginalize'];

async function output(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(args, input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const expected = GaussianMixture.fit(rows, { nComponents: 3, missing: 'marginalize' });
const modelFile = join(folder, 'model.json');

describe('fit', () => {
  it.each([file, npy])('%s: the model of the library', async (data) => {
    const text = await output(['fit', data, '-k', '3', ...MISSING, '--json', '-o', modelFile]);
    const { weights, means, covariances, fitted, criteria } = JSON.parse(text);
    const model = expected.toJSON();
    expect({ weights, means, covariances, fitted }).toEqual({
      weights: model.weights,
      means: model.means,
      covariances: model.covariances,
      fitted: model.fitted,
    });
    expect(criteria.bic).toBe(expected.bic(rows, { missing: 'marginalize' }));
  });

  it('refuses missing cells without the option, and says what to do', async () => {
    for (const data of [file, npy]) {
      const { code, stderr } = await run(['fit', data, '-k', '3']);
      expect(code).toBe(1);
      expect(stderr).toMatch(/or use --missing marginalize\n$/);
    }
  });

  it('names rows and columns without any value', async () => {
    const row = await run(['fit', '-', '-k', '1', ...MISSING], 'a,b\n1,2\n,\n3,4\n5,7\n');
    expect(row.code).toBe(1);
    expect(row.stderr).toMatch(/standard input, line 3: no column that is used has a value/);
    const column = await run(['fit', '-', '-k', '1', ...MISSING], 'a,b\n1,\n2,NA\n3,\n5,?\n');
    expect(column.code).toBe(1);
    expect(column.stderr).toMatch(/column 2 \("b"\) has no value in any row/);
  });

  it('weights must be there, text is no missing value', async () => {
    const weight = await run(['fit', '-', '-k', '1', '--weights', 'w', ...MISSING], 'a,w\n1,2\n2,\n3,1\n');
    expect(weight.stderr).toMatch(/line 3: column 2 \("w"\): the cell is empty; give every row a weight/);
    const text = await run(['fit', '-', '-k', '1', ...MISSING], 'a,b\n1,2\n2,x\n3,1\n');
    expect(text.stderr).toMatch(/line 3: column 2 \("b"\): "x" is not a number/);
  });

  it('--group-by fits each group as the library does', async () => {
    const lines = csv(rows).trimEnd().split('\n');
    const grouped = lines.map((line, i) => `${line},${i === 0 ? 'g' : i % 2}`).join('\n');
    const text = await output(
      ['fit', '-', '-k', '2', '--covariance', 'diag', '--group-by', 'g', ...MISSING, '-q'],
      grouped,
    );
    const models = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).model as ModelJSON);
    [1, 0].forEach((group, i) => {
      const own = rows.filter((_, row) => (row + 1) % 2 === group);
      const options = { nComponents: 2, covarianceType: 'diag', missing: 'marginalize' } as const;
      expect(models[i].means).toEqual(GaussianMixture.fit(own, options).toJSON().means);
    });
  });

  it('select takes the best of the library', async () => {
    const text = await output([
      'select',
      file,
      '-k',
      '1-3',
      '--covariance',
      'full,diag',
      ...MISSING,
      '--json',
      '--threads',
      '2',
    ]);
    const { nComponents, criteria, selection } = JSON.parse(text);
    expect(selection.table.length).toBe(6);
    const best = selection.table.find((row: { bic: number }) => row.bic === criteria.bic);
    expect(best.nComponents).toBe(nComponents);
    const full = selection.table.find(
      (row: ModelJSON) => row.nComponents === 3 && row.covarianceType === 'full',
    );
    // The cell is the best of the fit alone and others.
    expect(full.bic).toBeLessThanOrEqual(expected.bic(rows, { missing: 'marginalize' }));
  });
});

describe('a model and rows with missing cells', () => {
  const saved = write('saved.json', JSON.stringify(expected));

  it('predict and score', async () => {
    const labels = (await output(['predict', saved, file, ...MISSING])).trimEnd().split('\n').slice(1);
    expect(labels.map(Number)).toEqual([...expected.predict(rows, { missing: 'marginalize' })]);
    const score = JSON.parse(await output(['score', saved, file, ...MISSING, '--json', '--samples']));
    expect(score.logLikelihood).toBe(expected.score(rows, { missing: 'marginalize' }));
    expect(score.bic).toBe(expected.bic(rows, { missing: 'marginalize' }));
    expect(score.samples).toEqual([...expected.scoreSamples(rows, { missing: 'marginalize' })]);
    expect((await run(['predict', saved, file])).code).toBe(1);
  });

  it('impute keeps the sign of a zero', async () => {
    const signed = join(folder, 'signed.csv');
    writeFileSync(signed, 'x,y\n-0,1\n0,2\n-0,\n1,3\n2,5\n3,4\n');
    const of = join(folder, 'signed.json');
    await output(['fit', signed, '-k', '1', '--missing', 'marginalize', '-o', of]);
    const lines = (await output(['impute', of, signed])).split('\n');
    expect(lines.slice(1, 4).map((line) => line.split(',')[0])).toEqual(['-0', '0', '-0']);
  });

  it('impute prints the columns with what is expected, and keeps what is there', async () => {
    const target = join(folder, 'full.csv');
    for (const data of [file, npy]) {
      expect(await output(['impute', saved, data, '-o', target])).toBe('');
      const lines = readFileSync(target, 'utf8').trimEnd().split('\n');
      if (data === file) expect(lines.shift()).toBe(names.join(','));
      expect(lines.map((line) => line.split(',').map(Number))).toEqual(expected.impute(rows).toArray());
    }
    const { code, stderr } = await run(['impute', saved, file, '--missing', 'error']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown option --missing/);
  });

  it('report draws the rows that have what is shown, and counts all', async () => {
    const page = join(folder, 'report.html');
    await output(['report', saved, file, ...MISSING, '-o', page]);
    const html = readFileSync(page, 'utf8');
    expect(html).not.toMatch(/NaN|undefined/);
    const lacking = rows.filter((row) => row.some(Number.isNaN)).length;
    expect(html).toContain(`${150 - lacking} of 150 rows are dots`);
    expect(html).toContain(`${lacking} lack a value shown here`);
    expect(html).toContain(`value="${expected.bic(rows, { missing: 'marginalize' })}"`);
  });
});
