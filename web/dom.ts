// The page's elements by their ids, and messages beside what they are about.
// Must not know what the page is for.

/** The element of an id in index.html. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element ${id}`);
  return found as T;
}

/** Shows a message beside a place and marks its field; `undefined` takes both away. */
export function showError(place: string, message: string | undefined): void {
  const box = element(`${place}-error`);
  box.hidden = message === undefined;
  box.textContent = message ?? '';
  const field = document.getElementById(place);
  if (!(field instanceof HTMLInputElement)) return;
  if (message === undefined) field.removeAttribute('aria-invalid');
  else {
    field.setAttribute('aria-invalid', 'true');
    // A field that cannot be seen cannot be mended.
    const folded = field.closest('details');
    if (folded) folded.open = true;
  }
}

/** Asks the browser to save a text as a file. */
export function save(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  // The download has its own hold on the data by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A number for the eye: a few digits, with a proper minus. */
export function shortNumber(value: number, digits: number = 4): string {
  if (!Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(digits))).replace('-', '−');
}

/** "1 row", "272 rows", "100,000 rows". */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** A row of choices for a select. */
export function fillSelect(
  select: HTMLSelectElement,
  options: readonly (readonly [value: string, text: string])[],
  chosen: string,
): void {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}
