// The page as one HTML file: Chromium loads neither module scripts nor module workers from file://, so everything is
// inside, the worker too. Its policy allows no network at all.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the built page may do: run what is in it, and nothing else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'wasm-unsafe-eval' blob: data:",
  'worker-src blob: data:',
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** They want to be in every copy. */
const LICENCES = readFileSync(here('../THIRD_PARTY_LICENSES.md'), 'utf8');

/** Puts the script, the style and the licences of what it contains into the page. */
function inline(): Plugin {
  return {
    name: 'inline',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const page = bundle['index.html'];
      if (page?.type !== 'asset') return this.error('index.html is not in the bundle');
      let html = String(page.source);
      for (const [name, file] of Object.entries(bundle)) {
        if (file === page) continue;
        const at = `(?:src|href)="[^"]*${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"`;
        if (file.type === 'chunk') {
          const script = `<script type="module">${file.code.replaceAll('</script', '<\\/script')}</script>`;
          html = html.replace(new RegExp(`<script[^>]*${at}[^>]*></script>`), '');
          html = html.replace('</body>', () => `${script}\n</body>`);
        } else {
          const style = `<style>${String(file.source)}</style>`;
          html = html.replace(new RegExp(`<link[^>]*${at}[^>]*>`), () => style);
        }
        delete bundle[name];
      }
      page.source = html
        .replace(
          '<meta charset="utf-8" />',
          (meta) => `${meta}\n    <meta http-equiv="Content-Security-Policy" content="${POLICY}" />`,
        )
        .replace('</head>', (end) => `<!--\n${LICENCES.replaceAll('--', '- -')}-->\n  ${end}`);
    },
  };
}

export default defineConfig({
  root: here('.'),
  base: './',
  // The page uses the library as any program does, by its public name: here the package as it was built.
  resolve: { alias: { gaussmix: here('../dist/index.js') } },
  plugins: [inline()],
  build: {
    outDir: here('../build/web'),
    emptyOutDir: true,
    assetsInlineLimit: Number.POSITIVE_INFINITY,
    modulePreload: false,
  },
  // Not in build/, which the command empties.
  cacheDir: here('../node_modules/.vite-web'),
}) as object;
