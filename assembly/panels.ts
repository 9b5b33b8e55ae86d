// Rows as the caller has them (row-major) into the panels the kernel reads.
// Must not change a value.
import { PANEL } from './layout';

/**
 * panels[p][feature][lane] = rows[8 p + lane][feature]. rows (n, D) row-major; ceil(n / 8) panels are written, the
 * last one filled up with copies of the last row (finite values that every consumer ignores). Must not alias. O(n D).
 */
export function pack(rowsPtr: usize, n: i32, d: i32, panelsPtr: usize): void {
  const rowBytes = (<usize>d) << 3;
  const panelBytes = (<usize>d) << 6;
  const whole = n & -PANEL;
  let source = rowsPtr;
  let panel = panelsPtr;
  for (let row = 0; row < whole; row += PANEL, source += rowBytes << 3, panel += panelBytes) {
    let target = panel;
    for (let x = source, end = source + rowBytes; x < end; x += 8, target += 64) {
      let at = x;
      for (let lane: usize = 0; lane < 64; lane += 8, at += rowBytes) {
        store<f64>(target + lane, load<f64>(at));
      }
    }
  }
  if (whole == n) return;
  for (let lane = 0; lane < PANEL; lane++) {
    const from = rowsPtr + <usize>min(whole + lane, n - 1) * rowBytes;
    for (let feature: usize = 0; feature < <usize>d; feature++) {
      store<f64>(panel + (feature << 6) + ((<usize>lane) << 3), load<f64>(from + (feature << 3)));
    }
  }
}
