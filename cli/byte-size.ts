// Sizes in bytes as people write them.
// Must not know what they are sizes of.

const UNITS: Readonly<Record<string, number | undefined>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Bytes of such as `2GiB` (2^30) or `500 MB` (10^6); undefined for what is none, or less than a byte. */
export function parseBytes(text: string): number | undefined {
  const [, count, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text) ?? [];
  if (count === undefined) return undefined;
  const bytes = Math.floor(Number(count) * (UNITS[unit.toLowerCase()] ?? 0));
  return bytes >= 1 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `3.05 GiB`. */
export function formatBytes(bytes: number): string {
  const names = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  let value = bytes;
  for (; value >= 1000 && power < names.length - 1; power++) value /= 1024;
  return `${power === 0 ? value : Number(value.toPrecision(3))} ${names[power]}`;
}
