/**
 * Predicts by what LightGBM's `dump_model()` gives, with LightGBM's own rules: the raw score is the same, bit for bit. Pure, so
 * that the Worker that serves a model and the script that judges it run the same code.
 */

/** A model, ready to predict. Nodes of all trees lie in one row of arrays; a child below 0 is the leaf `-1 - child`. */
export interface Gbdt {
  readonly objective: 'binary' | 'regression'
  /** Names of the inputs, in the order in which values are given. */
  readonly inputs: readonly string[]
  /** Where each tree begins: a node, or a leaf as a child is. */
  readonly roots: readonly number[]
  readonly feature: Int32Array
  readonly threshold: Float64Array
  /** For a split by category: those that go left. */
  readonly categories: readonly (ReadonlySet<number> | undefined)[]
  readonly missing: readonly Missing[]
  readonly isDefaultLeft: readonly boolean[]
  readonly left: Int32Array
  readonly right: Int32Array
  readonly leaves: Float64Array
}

/** What a split takes for "not there": nothing (NaN is 0 then), zero and NaN, or NaN. */
type Missing = 'None' | 'Zero' | 'NaN'

/** Within it a number is zero to LightGBM: `1e-35` as a float of 32 bits. */
const ZERO = Math.fround(1e-35)
const MAX_INT32 = 0x7fffffff

/**
 * Reads the JSON of `dump_model()`.
 *
 * @returns what is wrong with it as `{ error }`: no dump, or a kind of model that adds up otherwise (several classes, a random
 * forest, linear leaves)
 */
export function readGbdt(dump: unknown): Gbdt | { readonly error: string } {
  const { feature_names, tree_info, objective, num_tree_per_iteration, average_output } = (dump ?? {}) as Dump
  if (!Array.isArray(feature_names) || !Array.isArray(tree_info))
    return { error: 'it is no dump of LightGBM: feature_names and tree_info are missing' }
  if (num_tree_per_iteration !== 1) return { error: 'it is a model of several classes, which adds up otherwise' }
  if (average_output === true) return { error: 'it is a random forest, which is an average and no sum' }
  const kind = /^(binary|regression)(?: sigmoid:1)?$/.exec(String(objective))?.[1]
  if (kind === undefined) return { error: `its objective is ${objective}; binary (sigmoid:1) or regression is read` }
  const reader = new TreeReader(feature_names.length)
  try {
    return {
      objective: kind as Gbdt['objective'],
      inputs: feature_names,
      roots: tree_info.map(({ tree_structure }) => reader.add(tree_structure)),
      ...reader.arrays(),
    }
  } catch (error) {
    if (error instanceof BadTree) return { error: error.message }
    throw error
  }
}

/**
 * The sum of the leaves that the values lead to.
 *
 * @param values one an input; NaN is a missing one. A category is its number
 */
export function rawScore(model: Gbdt, values: ArrayLike<number>): number {
  let sum = 0
  for (const root of model.roots) {
    let node = root
    while (node >= 0) {
      const value = values[at(model.feature, node)] ?? Number.NaN
      node = goesLeft(model, node, value) ? at(model.left, node) : at(model.right, node)
    }
    sum += at(model.leaves, -1 - node)
  }
  return sum
}

/** What a raw score means: for `binary` a probability, 0 to 1. */
export function prediction(model: Gbdt, raw: number): number {
  return model.objective === 'binary' ? 1 / (1 + Math.exp(-raw)) : raw
}

function goesLeft(model: Gbdt, node: number, given: number): boolean {
  const categories = model.categories[node]
  if (categories !== undefined) {
    // As a cast to int does: towards zero. What is no category that was learned goes right, NaN too.
    const category = Math.trunc(given)
    return category >= 0 && category <= MAX_INT32 && categories.has(category)
  }
  const missing = model.missing[node]
  const value = Number.isNaN(given) && missing !== 'NaN' ? 0 : given
  if (missing === 'NaN' ? Number.isNaN(value) : missing === 'Zero' && Math.abs(value) <= ZERO)
    return model.isDefaultLeft[node] === true
  return value <= at(model.threshold, node)
}

const at = (of: ArrayLike<number>, index: number): number => of[index] as number

interface Dump {
  readonly feature_names?: readonly string[]
  readonly tree_info?: readonly { readonly tree_structure: Tree }[]
  readonly objective?: unknown
  readonly num_tree_per_iteration?: unknown
  readonly average_output?: unknown
}

interface Tree {
  readonly leaf_value?: number
  readonly leaf_coeff?: unknown
  readonly split_feature?: number
  readonly threshold?: number | string
  readonly decision_type?: string
  readonly default_left?: boolean
  readonly missing_type?: string
  readonly left_child?: Tree
  readonly right_child?: Tree
}

class BadTree extends Error {}

/** JSON has no infinity, so the dump writes 1e300 for it: a split of what is there from what is missing. */
const thresholdOf = (dumped: number): number => (dumped >= 1e300 ? Infinity : dumped)

/** Flattens trees. Without recursion: a tree may be as deep as it has leaves. */
class TreeReader {
  private readonly inputs: number
  private readonly nodes: Tree[] = []
  private readonly left: number[] = []
  private readonly right: number[] = []
  private readonly leaves: number[] = []

  constructor(inputs: number) {
    this.inputs = inputs
  }

  add(tree: Tree): number {
    const root = this.place(tree)
    for (let node = root; node >= 0 && node < this.nodes.length; node++) {
      const { left_child, right_child } = this.nodes[node] as Tree
      this.left[node] = this.place(left_child)
      this.right[node] = this.place(right_child)
    }
    return root
  }

  private place(tree: Tree | undefined): number {
    if (tree?.leaf_coeff !== undefined) throw new BadTree('its leaves are linear models; train without linear_tree')
    if (typeof tree?.leaf_value === 'number') return -this.leaves.push(tree.leaf_value)
    const { split_feature = -1, missing_type, decision_type } = tree ?? {}
    if (!(split_feature >= 0 && split_feature < this.inputs))
      throw new BadTree('a split is over no input that it names')
    if (decision_type !== '<=' && decision_type !== '==') throw new BadTree(`a split decides by "${decision_type}"`)
    if (!['None', 'Zero', 'NaN'].includes(String(missing_type)))
      throw new BadTree(`a split takes "${missing_type}" for missing`)
    return this.nodes.push(tree as Tree) - 1
  }

  arrays() {
    const { nodes, left, right, leaves } = this
    const isCategory = ({ decision_type }: Tree) => decision_type === '=='
    return {
      feature: Int32Array.from(nodes, ({ split_feature = 0 }) => split_feature),
      threshold: Float64Array.from(nodes, (node) =>
        isCategory(node) ? Number.NaN : thresholdOf(Number(node.threshold)),
      ),
      categories: nodes.map((node) =>
        isCategory(node) ? new Set(String(node.threshold).split('||').map(Number)) : undefined,
      ),
      missing: nodes.map(({ missing_type }) => missing_type as Missing),
      isDefaultLeft: nodes.map(({ default_left }) => default_left === true),
      left: Int32Array.from(left),
      right: Int32Array.from(right),
      leaves: Float64Array.from(leaves),
    }
  }
}
