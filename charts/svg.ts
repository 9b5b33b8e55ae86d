// Pieces of SVG text. Must not know what is drawn.

/** A number of pixels as SVG writes it: hundredths are finer than any screen. */
export function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Text that comes from a user, safe within SVG and HTML. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Text cut to what fits into a width, at about 0.58 em for a character. */
export function fitText(text: string, width: number, fontSize: number): string {
  const most = Math.max(3, Math.floor(width / (0.58 * fontSize)));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
