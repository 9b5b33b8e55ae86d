export const NODE_VERSIONS: readonly number[];
export const supported: boolean;
export function installNode(version: number): string;
