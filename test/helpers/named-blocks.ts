// Files written out in a guide: fenced blocks whose first line is a comment that holds nothing but a file name.
// Must not run them.

/** File name and content of each such block of a Markdown text, in order. */
export function namedBlocks(markdown: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const [, content] of markdown.matchAll(/^```\w+\n(.*?)^```$/gms)) {
    const name = /^(?:\/\/|#|<!--) ([\w.-]+\.\w+)(?: -->)?\n/.exec(content)?.[1];
    if (name === undefined) continue;
    if (files.has(name)) throw new Error(`two blocks are named ${name}`);
    files.set(name, content);
  }
  return files;
}
