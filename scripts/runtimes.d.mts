type Found = { readonly executable: string; readonly missing?: undefined } | { readonly missing: string };
export const NODES: readonly string[];
export const required: boolean;
export function findRuntime(
  name: string,
): (Found & { readonly version: string }) | { readonly missing: string };
export function findBrowser(): Found;
