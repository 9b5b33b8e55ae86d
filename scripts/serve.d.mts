export function serve(
  folder: string,
  headers?: Readonly<Record<string, string>>,
): Promise<{ address: string; close(): Promise<void> }>;
