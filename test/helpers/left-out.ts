// What a test does when something of the machine that it needs is not there.
import type { TestContext } from 'vitest';
import { required } from '../../scripts/runtimes.mjs';

/** Skips the test and prints why; fails it where nothing may be left out (GAUSSMIX_REQUIRE_RUNTIMES=1). */
export function leftOut({ skip, task }: TestContext, reason: string): never {
  if (required) throw new Error(`${reason}; GAUSSMIX_REQUIRE_RUNTIMES=1 wants it`);
  console.warn(`Left out: "${task.name}". ${reason}`);
  return skip(reason);
}
