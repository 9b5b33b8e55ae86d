// Pages in a headless Chromium: what they print, and the errors that nobody caught.
import { type Browser, chromium } from 'playwright-core';

export interface PageOutput {
  /** Texts given to console.log, in the page and its workers. */
  readonly lines: readonly string[];
  /** Messages of errors. */
  readonly errors: readonly string[];
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath });
}

/** Opens an address in a page of its own until it has printed so many lines or met an error. */
export async function open(browser: Browser, address: string, count: number): Promise<PageOutput> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const lines: string[] = [];
  const errors: string[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (lines.length >= count || errors.length > 0) resolve();
      };
      page.on('console', (message) => {
        if (message.type() !== 'log') return;
        lines.push(message.text());
        look();
      });
      page.on('pageerror', (error) => {
        errors.push(error.message);
        look();
      });
      page.on('crash', () => reject(new Error(`${address} crashed`)));
      const late = new Error(`within a minute ${address} neither printed ${count} lines nor failed`);
      setTimeout(() => reject(late), 60_000).unref();
      page.goto(address).catch(reject);
    });
  } finally {
    await context.close();
  }
  return { lines, errors };
}
