// What docs/ABI.md says, as data: its table of functions, its sections, its example. Must not interpret more than that.
import { readFileSync } from 'node:fs';

const text: string = readFileSync(new URL('../../docs/ABI.md', import.meta.url), 'utf8');

export interface DocumentedFunction {
  name: string;
  parameters: { name: string; type: string }[];
  results: string[];
}

/** Rows of the table of exports: | `name` | `a: i32, b: f64` | `i32` |, empty cells for none. */
export function documentedFunctions(): DocumentedFunction[] {
  return [...text.matchAll(/^\| *`(gmm_\w+)` *\| *(?:`([^`]*)`)? *\| *(?:`(\w+)`)? *\|$/gm)].map((match) => ({
    name: match[1],
    parameters: (match[2] ?? '')
      .split(', ')
      .filter(Boolean)
      .map((parameter) => {
        const [name, type] = parameter.split(': ');
        return { name, type };
      }),
    results: match[3] ? [match[3]] : [],
  }));
}

/** Names of functions that have a section of their own, and its text. */
export function documentedSections(): Map<string, string> {
  const parts = text.split(/^### (gmm_\w+)$/m).slice(1);
  const sections = new Map<string, string>();
  for (let i = 0; i < parts.length; i += 2) sections.set(parts[i], parts[i + 1].split(/^##/m)[0].trim());
  return sections;
}

/** The JavaScript example. */
export function documentedExample(): string {
  return text.match(/^```js\n([\s\S]*?)^```$/m)![1];
}
