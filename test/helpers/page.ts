// The web page in a headless Chromium: built once, opened from its file, without a network.
// Must not import the page's code.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { build } from 'vite';
import { launch } from './browser.ts';

/** A page that is open, and what went wrong in it. */
export interface OpenPage {
  readonly page: Page;
  /** Uncaught errors and error messages of the console. */
  readonly errors: readonly string[];
  /** Addresses asked for, but for what is inside the page. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** The built page, and a browser to open it in. */
export class WebPage {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'gaussmix-web-'));
  #browser: Browser | undefined;

  /** Builds the page from dist/, as `npm run build:web` does, into a folder of its own. */
  async build(): Promise<void> {
    const configFile = fileURLToPath(new URL('../../web/vite.config.ts', import.meta.url));
    await build({ configFile, logLevel: 'silent', build: { outDir: this.#folder } });
  }

  /** The HTML, which is all there is. */
  get html(): string {
    return readFileSync(join(this.#folder, 'index.html'), 'utf8');
  }

  async open(executable: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
    this.#browser ??= await launch(executable);
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    await context.setOffline(true);
    const page = await context.newPage();
    const errors: string[] = [];
    const requests: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    const address = pathToFileURL(join(this.#folder, 'index.html')).href;
    page.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && request.url() !== address) requests.push(request.url());
    });
    await page.goto(address);
    // The example is open when Fit can be pressed.
    await page.locator('#fit:enabled').waitFor();
    return { page, errors, requests, close: () => context.close() };
  }

  async end(): Promise<void> {
    await this.#browser?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Presses a button that saves a file; gives its name and text. */
export async function download(page: Page, button: string): Promise<{ name: string; text: string }> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
}

/** Drops a file onto the page. */
export async function drop(page: Page, name: string, text: string): Promise<void> {
  await page.evaluate(
    ([fileName, content]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content], fileName, { type: 'text/csv' }));
      for (const type of ['dragover', 'drop']) {
        document
          .getElementById('drop')
          ?.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
      }
    },
    [name, text],
  );
}
