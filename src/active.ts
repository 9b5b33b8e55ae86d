// Passes that compute only active pairs of row and component: what a block remembers from pass to pass, and when that
// is made anew. Must not import anything, because worker.ts uses it too (see there); must not decide when such passes are
// made: estimator.ts does, for all workers alike. gaussmix-spark has the same rules in Python (kept.py).

/** What a block's pass does besides its sums, see gmm_accumulate_active in docs/ABI.md. */
const SORT = 0;
const BOUND = 1;
const PRUNE = 2;
const TOO_MANY = -4096;
const BLOCK_PANELS = 512;

interface ActiveKernel {
  readonly memory: WebAssembly.Memory;
  gmm_statistics_count(form: number, d: number, k: number): number;
  gmm_factors_count(form: number, d: number, k: number): number;
  gmm_active_state_bytes(k: number): number;
  gmm_active_begin(state: number, k: number): void;
  gmm_active_end(panels: number, n: number, d: number, k: number, state: number): void;
  gmm_active_drift(
    form: number,
    d: number,
    k: number,
    referenceMeans: number,
    referenceFactors: number,
    means: number,
    factors: number,
    drift: number,
    workspace: number,
  ): void;
  gmm_accumulate_active(...values: number[]): number;
  gmm_accumulate(...values: number[]): number;
}

/** Where a block's rows are in kernel memory. */
interface BlockRows {
  readonly panels: number;
  /** Sample weights, 0: none. */
  readonly weights: number;
  readonly n: number;
}

/** The mixture of a pass, in kernel memory; `workspace`: gmm_active_workspace_count doubles. */
interface ActiveMixture {
  readonly means: number;
  readonly factors: number;
  readonly workspace: number;
}

/**
 * The passes of one fit over one holder's blocks. Statistics of a block depend on its rows and the mixture alone: what
 * is remembered here (the order rows lie in, their distances from the components) only saves time, and can be lost.
 */
export class ActivePasses {
  readonly #kernel: ActiveKernel;
  readonly #form: number;
  readonly #d: number;
  readonly #k: number;
  readonly #blocks: number;
  readonly #state: number;
  readonly #means: number;
  readonly #factors: number;
  readonly #drift: number;
  #phase: number = SORT;
  #moved: boolean = false;
  /** Pairs of panel and component computed in vain in this pass; in the first pass with these bounds; since then. */
  #wasted: number = 0;
  #usual: number | undefined;
  #excess: number = 0;

  /** Bytes that the passes take in kernel memory. */
  static bytes(kernel: ActiveKernel, form: number, d: number, k: number, blocks: number): number {
    const factors = kernel.gmm_factors_count(form, d, k);
    return blocks * kernel.gmm_active_state_bytes(k) + 8 * (k * d + factors + 3 * (k + 1) + 6);
  }

  /** @param address of as many bytes as {@link bytes} says, a multiple of 16 */
  constructor(kernel: ActiveKernel, form: number, d: number, k: number, blocks: number, address: number) {
    this.#kernel = kernel;
    this.#form = form;
    this.#d = d;
    this.#k = k;
    this.#blocks = blocks;
    this.#state = address;
    this.#means = address + blocks * kernel.gmm_active_state_bytes(k);
    this.#factors = this.#means + 8 * k * d;
    this.#drift = 16 * Math.ceil((this.#factors + 8 * kernel.gmm_factors_count(form, d, k)) / 16);
    for (let block = 0; block < blocks; block++) kernel.gmm_active_begin(this.#stateOf(block), k);
  }

  #stateOf(block: number): number {
    return this.#state + block * this.#kernel.gmm_active_state_bytes(this.#k);
  }

  /** Before the blocks of a pass. */
  begin({ means, factors, workspace }: ActiveMixture): void {
    const kernel = this.#kernel;
    const { memory, gmm_factors_count, gmm_active_drift } = kernel;
    this.#wasted = 0;
    this.#moved = true;
    if (this.#phase === BOUND) {
      const bytes = new Uint8Array(memory.buffer);
      bytes.copyWithin(this.#means, means, means + 8 * this.#k * this.#d);
      const count = gmm_factors_count(this.#form, this.#d, this.#k);
      bytes.copyWithin(this.#factors, factors, factors + 8 * count);
    } else if (this.#phase === PRUNE) {
      gmm_active_drift(
        this.#form,
        this.#d,
        this.#k,
        this.#means,
        this.#factors,
        means,
        factors,
        this.#drift,
        workspace,
      );
    }
  }

  /** E-step and statistics of a block, added to zeroed statistics. */
  accumulate(
    block: number,
    { panels, weights, n }: BlockRows,
    { means, factors, workspace }: ActiveMixture,
    statistics: number,
    likelihoodOnly: boolean,
  ): void {
    const kernel = this.#kernel;
    const state = this.#stateOf(block);
    const only = likelihoodOnly ? 1 : 0;
    const wasted = kernel.gmm_accumulate_active(
      this.#form,
      panels,
      weights,
      n,
      this.#d,
      this.#k,
      means,
      factors,
      statistics,
      workspace,
      only,
      state,
      this.#drift,
      // A pass for the likelihood alone lists no pairs, which sorting needs.
      likelihoodOnly && this.#phase === SORT ? BOUND : this.#phase,
    );
    if (wasted !== TOO_MANY) {
      this.#wasted += wasted;
      return;
    }
    // Dense passes go through rows in their own order.
    kernel.gmm_active_end(panels, n, this.#d, this.#k, state);
    kernel.gmm_accumulate(
      this.#form,
      panels,
      weights,
      n,
      this.#d,
      this.#k,
      means,
      factors,
      statistics,
      workspace,
      only,
    );
    const count = kernel.gmm_statistics_count(this.#form, this.#d, this.#k);
    new Float64Array(kernel.memory.buffer)[statistics / 8 + count - 1] = n * this.#k;
    this.#wasted += BLOCK_PANELS * this.#k;
  }

  /**
   * After the blocks of a pass: what the next one does. Bounds age as components move: once the panels computed in
   * vain because of it would have paid for new bounds, which take two passes without them, they are made anew.
   */
  end(likelihoodOnly: boolean): void {
    if (likelihoodOnly) return;
    if (this.#phase !== PRUNE) {
      this.#phase++;
      this.#usual = undefined;
      this.#excess = 0;
      return;
    }
    this.#usual ??= this.#wasted;
    this.#excess += Math.max(0, this.#wasted - this.#usual);
    if (this.#excess > 2 * this.#blocks * BLOCK_PANELS * this.#k) this.#phase = SORT;
  }

  /** Puts the rows back into their order, so that other passes find them as they were. */
  restore(rowsOf: (block: number) => BlockRows): void {
    if (!this.#moved) return;
    for (let block = 0; block < this.#blocks; block++) {
      const { panels, n } = rowsOf(block);
      this.#kernel.gmm_active_end(panels, n, this.#d, this.#k, this.#stateOf(block));
    }
    this.#moved = false;
    this.#phase = SORT;
  }
}
