// The choice of a model: the grid, its criteria with and without weights, cells that fail, stopping.
// Must not test the fits themselves: a cell is held to the fit alone, bit for bit.
import {
  type FailedCell,
  type FittedCell,
  GaussianMixture,
  GaussmixError,
  type SelectionProgress,
  selectModel,
  selectModelAsync,
} from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { clusters, loadExample } from './helpers/data.ts';

const faithful = loadExample('faithful');
const iris = loadExample('iris');
const types = ['full', 'tied', 'diag', 'spherical'] as const;

function fitted(table: readonly (FittedCell | FailedCell)[]): FittedCell[] {
  return table.filter((cell): cell is FittedCell => cell.model !== undefined);
}

/** The table without what is the same object only in the same run. */
function plain(table: readonly (FittedCell | FailedCell)[]): unknown {
  return table.map((cell) => ({ ...cell, model: cell.model?.toJSON(), error: cell.error?.message }));
}

describe('selectModel', () => {
  it('gives each cell, not consistent, as the fit alone gives it, with the criteria of its methods, bit for bit', () => {
    const options = { seed: 3, nInit: 2, initialization: 'k-means++', tolerance: 1e-4 } as const;
    const { best, table, stopped } = selectModel(faithful, {
      ...options,
      consistent: false,
      nComponents: [1, 2, 3],
      covarianceTypes: types,
    });
    expect(stopped).toBe(false);
    expect(table.map((cell) => [cell.nComponents, cell.covarianceType])).toEqual(
      [1, 2, 3].flatMap((k) => types.map((type) => [k, type])),
    );
    for (const cell of fitted(table)) {
      const { nComponents, covarianceType } = cell;
      const alone = GaussianMixture.fit(faithful, { ...options, nComponents, covarianceType });
      expect(cell.model.toJSON()).toEqual(alone.toJSON());
      expect(cell).toMatchObject({
        logLikelihood: alone.score(faithful) * faithful.length,
        nParameters: alone.nParameters,
        bic: alone.bic(faithful),
        aic: alone.aic(faithful),
        icl: alone.icl(faithful),
        converged: alone.fitted?.converged,
      });
    }
    const lowest = Math.min(...fitted(table).map((cell) => cell.bic));
    expect(best).toBe(table.find((cell) => cell.bic === lowest)?.model);
  });

  it('tries every covariance type by default', () => {
    const { table } = selectModel(faithful, { nComponents: [2] });
    const names = table.map((cell) => cell.covarianceType);
    expect(names).toEqual(expect.arrayContaining([...types]));
    expect(new Set(names).size).toBe(names.length);
  });

  // mclust 6.0.0 on the same data also takes three components of one shape (EEE) by BIC: Mclust(faithful).
  it('takes for the Old Faithful data what mclust takes of these types', () => {
    const { best } = selectModel(faithful, {
      nComponents: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      covarianceTypes: types,
      nInit: 5,
    });
    expect([best.nComponents, best.covarianceType]).toEqual([3, 'tied']);
  });

  it.each(['bic', 'aic', 'icl'] as const)('decides by %s', (criterion) => {
    const { best, table } = selectModel(iris, { nComponents: [1, 2, 3, 4, 5], criterion });
    const values = fitted(table).map((cell) => cell[criterion]);
    expect(best).toBe(fitted(table)[values.indexOf(Math.min(...values))].model);
  });

  it('decides differently by different criteria where they differ', () => {
    const rows = clusters(300, 2, 3, 5, 2);
    const grid = { nComponents: [1, 2, 3, 4, 5, 6], covarianceTypes: ['full'] } as const;
    const sizes = (['aic', 'icl'] as const).map(
      (criterion) => selectModel(rows, { ...grid, criterion }).best.nComponents,
    );
    // aic charges 2 for a parameter; icl ln 300 and the entropy of overlapping components besides.
    expect(sizes[0]).toBeGreaterThan(sizes[1]);
  });

  it('finds the components that are there', () => {
    const rows = clusters(600, 3, 4, 11, 9);
    expect(selectModel(rows, { nComponents: [1, 2, 3, 4, 5, 6, 7], nInit: 3 }).best.nComponents).toBe(4);
  });

  it('keeps the other cells when one cannot be fitted, without a NaN', () => {
    const rows = [
      [0, 0],
      [1, 0.5],
      [9, 9],
      [10, 8.5],
    ];
    const { best, table } = selectModel(rows, { nComponents: [5, 1, 2, 9], covarianceTypes: ['spherical'] });
    expect(table.map((cell) => cell.error?.code)).toEqual([
      'TOO_FEW_ROWS',
      undefined,
      undefined,
      'TOO_FEW_ROWS',
    ]);
    const [failed] = table;
    expect(failed.error).toBeInstanceOf(GaussmixError);
    expect(failed.error?.message).toMatch(/nComponents is 5, but the data has only 4 rows/);
    expect(Object.values(failed).filter((value) => typeof value === 'number')).toEqual([5]);
    expect(table.map((cell) => cell.model)).toContain(best);
  });

  it('says why, when no cell can be fitted', () => {
    const constant = [
      [1, 2],
      [1, 3],
      [1, 5],
    ];
    expect(() =>
      selectModel(constant, { nComponents: [1, 2], covarianceTypes: ['full', 'diag'], regularization: 0 }),
    ).toThrow(/^none of the \d+ cells could be fitted; the first one \(1 component, full\): .*column 0/);
    try {
      selectModel(constant, { nComponents: [4, 7] });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(GaussmixError);
      expect(error).toMatchObject({ code: 'TOO_FEW_ROWS' });
    }
  });

  it('refuses at once what is wrong with the data', () => {
    let cells = 0;
    const count = () => void cells++;
    const rows = [
      [1, 2],
      [3, Number.NaN],
      [5, 6],
      [7, 8],
    ];
    expect(() => selectModel(rows, { nComponents: [1, 2], onProgress: count })).toThrow(
      /^data: row 1, column 1 is NaN/,
    );
    expect(cells).toBe(0);
  });

  it('tries a number or type given twice once', () => {
    const { table } = selectModel(faithful, {
      nComponents: [2, 1, 2],
      covarianceTypes: ['VVV', 'full', 'EEE'],
    });
    expect(table.map((cell) => `${cell.nComponents} ${cell.covarianceType}`)).toEqual([
      '2 full',
      '2 tied',
      '1 full',
      '1 tied',
    ]);
  });

  it('takes the first cell with the fewest parameters among equals', () => {
    // One component, one feature: all types are the same model.
    const { best } = selectModel([1, 2, 4, 8], {
      nComponents: [1],
      covarianceTypes: ['diag', 'full', 'tied'],
    });
    expect(best.covarianceType).toBe('diag');
  });

  it('starts every cell of its size from a given start; others fail', () => {
    const start = GaussianMixture.fit(faithful, { nComponents: 2 });
    const { table } = selectModel(faithful, { nComponents: [2, 3], initialization: start });
    expect(table.slice(0, table.length / 2).every((cell) => cell.model)).toBe(true);
    expect(table.slice(table.length / 2).every((cell) => cell.error?.code === 'INVALID_PARAMETERS')).toBe(
      true,
    );
  });
});

describe('weights', () => {
  const weights = faithful.map((_, i) => 1 + (i % 3));
  const repeated = faithful.flatMap((row, i) => Array.from({ length: weights[i] }, () => row));
  // A start of its own, for those found in the data differ with the rows, and no regularisation.
  const initialization = GaussianMixture.fit(faithful, { nComponents: 2 });
  const options = { nComponents: [2], covarianceTypes: types, initialization, regularization: 0 } as const;

  it('of 2 count a row as two, in every criterion', () => {
    const once = fitted(selectModel(faithful, { ...options, sampleWeight: weights }).table);
    const twice = fitted(selectModel(repeated, options).table);
    expect(once.length).toBe(types.length);
    for (const [i, cell] of once.entries()) {
      for (const name of ['logLikelihood', 'aic', 'bic', 'icl'] as const) {
        // Sums in another order over a fit of tens of iterations: 1e-15 each time.
        expect(Math.abs(cell[name] / twice[i][name] - 1)).toBeLessThan(1e-12);
      }
    }
  });

  it('of 1 change no bit', () => {
    const model = GaussianMixture.fit(iris, { nComponents: 3 });
    const ones = new Array(iris.length).fill(1);
    const { logLikelihood, aic, bic, icl } = model.criteria(iris, { sampleWeight: ones });
    expect({ aic, bic, icl }).toEqual({ aic: model.aic(iris), bic: model.bic(iris), icl: model.icl(iris) });
    expect(logLikelihood).toBe(model.score(iris) * iris.length);
    expect(model.criteria(iris)).toEqual({ logLikelihood, aic, bic, icl });
  });

  it('of 0 leave a row out', () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 2 });
    const sampleWeight = faithful.map((_, i) => (i < 200 ? 1 : 0));
    const some = model.criteria(faithful, { sampleWeight });
    const rest = model.criteria(faithful.slice(0, 200));
    for (const name of ['logLikelihood', 'aic', 'bic', 'icl'] as const) {
      // Lanes of eight rows end elsewhere: another order of the sums.
      expect(Math.abs(some[name] / rest[name] - 1)).toBeLessThan(1e-13);
    }
  });

  it('are the same over many blocks of rows as the formulas row by row', () => {
    const rows = clusters(9001, 2, 3, 2, 2);
    const model = GaussianMixture.fit(rows, { nComponents: 3, maxIterations: 5 });
    const sampleWeight = rows.map((_, i) => (i % 5) / 2);
    const density = model.scoreSamples(rows);
    const resp = model.predictProba(rows);
    let [total, logLikelihood, entropy] = [0, 0, 0];
    for (const [i, w] of sampleWeight.entries()) {
      total += w;
      logLikelihood += w * density[i];
      for (const r of resp.row(i)) if (r > 0) entropy -= w * r * Math.log(r);
    }
    const bic = -2 * logLikelihood + model.nParameters * Math.log(total);
    const expected = {
      logLikelihood,
      aic: -2 * logLikelihood + 2 * model.nParameters,
      bic,
      icl: bic + 2 * entropy,
    };
    const found = model.criteria(rows, { sampleWeight });
    for (const name of ['logLikelihood', 'aic', 'bic', 'icl'] as const) {
      // 9,001 terms summed one after the other: each rounds to 1e-16 of a sum of one sign.
      expect(Math.abs(found[name] / expected[name] - 1)).toBeLessThan(1e-12);
    }
  });

  it('are checked', () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 1 });
    expect(() => model.criteria(faithful, { sampleWeight: [1] })).toThrow(
      /sampleWeight has length 1, .* 272 rows/,
    );
    expect(() => model.criteria(faithful, { weights: [1] } as never)).toThrow(
      /unknown criteria option "weights"/,
    );
    expect(() => selectModel(faithful, { nComponents: [1], sampleWeight: [-1] })).toThrow(
      /sampleWeight has length/,
    );
  });
});

describe('progress', () => {
  it('is told of each cell and the best so far', () => {
    const told: SelectionProgress[] = [];
    const { best, table } = selectModel(faithful, {
      nComponents: [1, 2],
      covarianceTypes: ['diag', 'full'],
      onProgress: (progress) => void told.push(progress),
    });
    expect(told.map(({ done, total }) => [done, total])).toEqual([1, 2, 3, 4].map((done) => [done, 4]));
    expect(told.map(({ cell }) => cell)).toEqual(table);
    for (const [i, { best: running }] of told.entries()) {
      expect(running?.bic).toBe(Math.min(...fitted(table.slice(0, i + 1)).map((cell) => cell.bic)));
    }
    expect(told[3].best?.model).toBe(best);
  });

  it('ends the selection by returning false, with the best so far', () => {
    const selection = selectModel(faithful, {
      nComponents: [1, 2, 3],
      covarianceTypes: ['full'],
      onProgress: ({ done }) => done < 2 && undefined,
    });
    expect(selection).toMatchObject({ stopped: true, best: { nComponents: 2 } });
    expect(selection.table.length).toBe(2);
  });

  it('is no early end when false comes after the last cell', () => {
    expect(selectModel(faithful, { nComponents: [2], onProgress: () => false }).table.length).toBe(1);
    const { stopped } = selectModel(faithful, {
      nComponents: [2],
      covarianceTypes: ['full'],
      onProgress: () => false,
    });
    expect(stopped).toBe(false);
  });

  it('onIteration ends the cell that runs and the selection', () => {
    let iterations = 0;
    const { best, table, stopped } = selectModel(faithful, {
      nComponents: [3, 2],
      tolerance: 0,
      onIteration: () => (++iterations < 4 ? undefined : false),
    });
    expect({ stopped, length: table.length }).toEqual({ stopped: true, length: 1 });
    expect(best.fitted).toMatchObject({ converged: false, iterations: 4 });
    expect(table[0].converged).toBe(false);
  });
});

describe('selectModelAsync', () => {
  const rows = clusters(9000, 2, 3, 8);
  const options = { nComponents: [2, 3], covarianceTypes: ['full', 'diag'], maxIterations: 20 } as const;

  it.each([0, 1, 2])('gives the bits of selectModel with %i workers', async (workers) => {
    const sampleWeight = rows.map((_, i) => 1 + (i % 2));
    const here = selectModel(rows, { ...options, sampleWeight });
    const there = await selectModelAsync(rows, { ...options, sampleWeight, workers });
    expect(plain(there.table)).toEqual(plain(here.table));
    expect(there.best.toJSON()).toEqual(here.best.toJSON());
    expect(there.stopped).toBe(false);
  });

  it.each([0, 1, 2])(
    'divides the rows where it is to tell of iterations, with the same bits (%i)',
    async (workers) => {
      let iterations = 0;
      const there = await selectModelAsync(rows, {
        ...options,
        workers,
        onIteration: () => void iterations++,
      });
      expect(plain(there.table)).toEqual(plain(selectModel(rows, options).table));
      expect(iterations).toBeGreaterThan(4);
    },
  );

  it('starts on workers from a model, or from matrices of any kind', async () => {
    const start = GaussianMixture.fit(rows, { nComponents: 2, maxIterations: 1 });
    const means = { rows: 2, columns: 2, to1DArray: () => Array.from(start.means.data) };
    for (const initialization of [start, { means, weights: start.weights, covariances: start.covariances }]) {
      const grid = { ...options, initialization };
      const there = await selectModelAsync(rows, { ...grid, workers: 2 });
      expect(plain(there.table)).toEqual(plain(selectModel(rows, grid).table));
      expect(there.table.map((cell) => cell.error?.code)).toEqual([
        undefined,
        undefined,
        'INVALID_PARAMETERS',
        'INVALID_PARAMETERS',
      ]);
    }
  });

  it.each([0, 2])('is told of every cell once, with %i workers', async (workers) => {
    const told: SelectionProgress[] = [];
    const { table, best } = await selectModelAsync(rows, {
      ...options,
      nComponents: [1, 2, 3, 10_000],
      workers,
      onProgress: (progress) => void told.push(progress),
    });
    expect(told.map(({ done }) => done)).toEqual(Array.from(table, (_, i) => i + 1));
    expect(new Set(told.map(({ cell }) => cell))).toEqual(new Set(table));
    expect(told.at(-1)?.best?.model).toBe(best);
  });

  it.each([0, 2])('is ended by onProgress, with %i workers', async (workers) => {
    const { table, stopped, best } = await selectModelAsync(rows, {
      ...options,
      nComponents: Array.from({ length: 40 }, (_, i) => i + 1),
      workers,
      onProgress: () => false,
    });
    expect(stopped).toBe(true);
    // Workers have two cells at a time: those are finished.
    expect(table.length).toBeLessThanOrEqual(5);
    expect(table.map((cell) => cell.model)).toContain(best);
  });

  it.each([0, 2])('is aborted with the reason of its signal, with %i workers', async (workers) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const selection = selectModelAsync(rows, {
      ...options,
      nComponents: [1, 2, 3, 4, 5, 6, 7, 8],
      workers,
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 2) controller.abort(reason);
      },
    });
    await expect(selection).rejects.toBe(reason);
  });

  it.each([0, 1])('returns what it has after the time limit, with %i workers', async (workers) => {
    const { table, stopped, best } = await selectModelAsync(rows, {
      ...options,
      tolerance: 0,
      maxIterations: 1_000_000,
      workers,
      timeLimitMs: 0,
    });
    expect({ stopped, cells: table.length, k: best.nComponents }).toEqual({ stopped: true, cells: 1, k: 2 });
  });

  it.each([0, 2])(
    'keeps failed cells, and rejects where selectModel throws, with %i workers',
    async (workers) => {
      const few = [1, 2, 4];
      const { table } = await selectModelAsync(few, { nComponents: [1, 4], workers });
      expect(table.at(-1)?.error?.code).toBe('TOO_FEW_ROWS');
      await expect(selectModelAsync(few, { nComponents: [4], workers })).rejects.toMatchObject({
        code: 'TOO_FEW_ROWS',
      });
      await expect(selectModelAsync(few, { nComponents: [] })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
      });
    },
  );
});

describe('options', () => {
  const refuse = (options: unknown): (() => unknown) => {
    return () => selectModel(faithful, options as never);
  };

  it.each([
    [undefined, /options must be an object: nComponents, a list/],
    [{}, /nComponents is missing, but must be a list of integers >= 1, such as \[1, 2, 3\]/],
    [{ nComponents: 3 }, /nComponents is 3, but must be a list/],
    [{ nComponents: [] }, /nComponents is empty/],
    [{ nComponents: [1, 0] }, /nComponents\[1\] is 0, but must be an integer >= 1/],
    [{ nComponents: ['2'] }, /nComponents\[0\] is '2'/],
    [{ nComponents: [1], covarianceTypes: [] }, /covarianceTypes is empty/],
    [
      { nComponents: [1], covarianceTypes: 'full' },
      /covarianceTypes is the string "full", but must be a list of types/,
    ],
    [{ nComponents: [1], covarianceTypes: ['round'] }, /covarianceTypes\[0\] is 'round', but must be 'full'/],
    [{ nComponents: [1], criterion: 'hqc' }, /criterion is 'hqc', but must be 'bic', 'aic', 'icl'/],
    [
      { nComponents: [1], covarianceType: 'full' },
      /unknown selectModel option .*did you mean covarianceTypes/,
    ],
    [{ k: [1] }, /unknown selectModel option "k"; did you mean nComponents/],
    [{ nComponents: [1], workers: 2 }, /unknown selectModel option "workers"/],
    [{ nComponents: [1], onProgress: 1 }, /onProgress must be a function/],
    [{ nComponents: [1], tolerance: -1 }, /tolerance is -1/],
    [{ nComponents: [1], initialization: 'best' }, /initialization is 'best'/],
  ])('%j', (options, message) => {
    expect(refuse(options)).toThrow(message);
    expect(refuse(options)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(UNKNOWN|INVALID)_OPTION$/) }),
    );
  });

  it('takes a typed array of numbers of components', () => {
    expect(selectModel(faithful, { nComponents: Int32Array.of(1, 2) }).table.at(-1)?.nComponents).toBe(2);
  });
});
