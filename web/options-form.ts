// The form of the model's options: fills its choices, reads its fields, and says what is wrong beside the field.
import type { CovarianceType, InitializationMethod } from 'gaussmix';
import { element, fillSelect, showError } from './dom.ts';
import { COVARIANCE_FAMILIES, type PageOptions, type Place, STARTS, USUAL_MODELS } from './protocol.ts';

const NUMBERS = ['nComponents', 'seed', 'nInit', 'maxIterations', 'tolerance'] as const;

type NumberField = (typeof NUMBERS)[number];

const FIELD_NAMES: Readonly<Record<NumberField, string>> = {
  nComponents: 'Components',
  seed: 'Seed',
  nInit: 'Restarts',
  maxIterations: 'Most iterations',
  tolerance: 'Tolerance',
};

const LEAST: Readonly<Record<NumberField, number>> = {
  nComponents: 1,
  seed: 0,
  nInit: 1,
  maxIterations: 0,
  tolerance: 0,
};

export function fillForm(): void {
  const families = COVARIANCE_FAMILIES.map((family) => {
    const options = family.models.map(
      ({ type, says }) =>
        `<option value="${type}"${type === 'full' ? ' selected' : ''}>${type}: ${says}</option>`,
    );
    return `<optgroup label="${family.says}">${options.join('')}</optgroup>`;
  });
  element('covarianceType').innerHTML = families.join('');
  fillModels();
  fillSelect(
    element<HTMLSelectElement>('initialization'),
    STARTS.map(({ method, says }) => [method, says]),
    'kmeans',
  );
  for (const name of NUMBERS)
    element<HTMLInputElement>(name).addEventListener('input', () => showError(name, undefined));
}

/** The models to compare: a tick for each, and one for all of them. */
function fillModels(): void {
  const box = element('models');
  const all = element<HTMLInputElement>('all-models');
  box.innerHTML = COVARIANCE_FAMILIES.map((family) => {
    const ticks = family.models.map(
      ({ type, says }) =>
        `<label class="check" title="${says}"><input type="checkbox" value="${type}"${USUAL_MODELS.includes(type) ? ' checked' : ''} /> ${type}</label>`,
    );
    return `<fieldset><legend>${family.says}</legend>${ticks.join('')}</fieldset>`;
  }).join('');
  const ticks = [...box.querySelectorAll('input')];
  all.addEventListener('change', () => {
    for (const tick of ticks) tick.checked = all.checked || tick.defaultChecked;
    showModels();
  });
  box.addEventListener('change', () => {
    all.checked = ticks.every(({ checked }) => checked);
    showModels();
  });
  showModels();
}

function showModels(): void {
  const isAll = element<HTMLInputElement>('all-models').checked;
  const which = isAll ? 'all' : tickedModels().join(', ') || 'none';
  element('models-summary').textContent = `Models to compare: ${which}`;
  showError('models', undefined);
}

/** The models ticked for the comparison, in the order of their families. */
export function tickedModels(): readonly CovarianceType[] {
  const ticked = element('models').querySelectorAll<HTMLInputElement>('input:checked');
  return Array.from(ticked, ({ value }) => value as CovarianceType);
}

/** Puts values into the form. */
export function setOptions(options: Partial<PageOptions>): void {
  for (const [name, value] of Object.entries(options)) element<HTMLInputElement>(name).value = String(value);
  for (const name of NUMBERS) showError(name, undefined);
}

/** The number in a field, or a message beside it and NaN. */
export function readNumber(
  place: Place | 'most',
  name: string,
  least: number,
  most: number,
  mayBeFraction: boolean,
): number {
  const text = element<HTMLInputElement>(place).value.trim();
  const value = text === '' ? Number.NaN : Number(text);
  const isRight = value >= least && value <= most && (mayBeFraction || Number.isSafeInteger(value));
  const kind = mayBeFraction ? 'a number' : 'a whole number';
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`;
  const given = text === '' ? 'There is none.' : `It is ${text.slice(0, 30)}.`;
  showError(place, isRight ? undefined : `${name} must be ${kind} ${range}. ${given}`);
  return isRight ? value : Number.NaN;
}

/**
 * What the form holds; undefined after saying what is wrong.
 * @param rows of the data: there cannot be more components
 */
export function readOptions(rows: number): PageOptions | undefined {
  const numbers = Object.fromEntries(
    NUMBERS.map((name) => {
      const most = name === 'nComponents' ? Math.max(1, rows) : Number.MAX_SAFE_INTEGER;
      return [name, readNumber(name, FIELD_NAMES[name], LEAST[name], most, name === 'tolerance')];
    }),
  ) as Record<NumberField, number>;
  const wrong = NUMBERS.find((name) => Number.isNaN(numbers[name]));
  if (wrong) {
    element(wrong).focus();
    return undefined;
  }
  return {
    ...numbers,
    covarianceType: element<HTMLSelectElement>('covarianceType').value as CovarianceType,
    initialization: element<HTMLSelectElement>('initialization').value as InitializationMethod,
  };
}
