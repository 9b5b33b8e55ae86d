export const ORIGINALS: string;
export function missingOriginals(): string | undefined;
export function loadOriginal(name: string): unknown;
