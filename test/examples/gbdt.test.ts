import { describe, expect, test } from 'vitest'
import { type Gbdt, prediction, rawScore, readGbdt } from '../../examples/lib/gbdt.ts'

/** Real dumps are held against LightGBM itself by test/interop/examples; here are the rules, one by one. */
const dump = (...trees: object[]) => ({
  feature_names: ['x', 'y'],
  objective: 'binary sigmoid:1',
  num_tree_per_iteration: 1,
  average_output: false,
  tree_info: trees.map((tree_structure) => ({ tree_structure })),
})
const split = (more: object = {}) => ({
  split_feature: 0,
  threshold: 2.5,
  decision_type: '<=',
  default_left: true,
  missing_type: 'None',
  left_child: { leaf_value: 1 },
  right_child: { leaf_value: 2 },
  ...more,
})

function read(...trees: object[]): Gbdt {
  const model = readGbdt(dump(...trees))
  if ('error' in model) throw new Error(model.error)
  return model
}
const scores = (tree: object, values: readonly number[]) => values.map((x) => rawScore(read(tree), [x, 0]))

describe('splits', () => {
  test('a value at the threshold goes left', () => {
    expect(scores(split(), [2.5, 2.5000000000000004, -Infinity, Infinity])).toEqual([1, 2, 1, 2])
  })

  test('where nothing is missing NaN is zero, and the default direction is not asked', () => {
    const values = [Number.NaN, 0]
    expect(scores(split({ threshold: -1, default_left: true }), values)).toEqual([2, 2])
    expect(scores(split({ threshold: 1, default_left: false }), values)).toEqual([1, 1])
  })

  test('where NaN is missing it goes by default, and zero does not', () => {
    const values = [Number.NaN, 0, 9]
    expect(scores(split({ missing_type: 'NaN', default_left: false }), values)).toEqual([2, 1, 2])
    expect(scores(split({ missing_type: 'NaN', default_left: true }), values)).toEqual([1, 1, 2])
  })

  test('where zero is missing NaN, zero and what is no larger than 1e-35 go by default', () => {
    const values = [Number.NaN, 0, -0, 1e-36, -1e-36, 1e-34, 9]
    const tree = split({ missing_type: 'Zero', default_left: false })
    expect(scores(tree, values)).toEqual([2, 2, 2, 2, 2, 1, 2])
  })

  test('a threshold of 1e300 is what the dump writes for infinity', () => {
    const tree = split({ threshold: 1e300, missing_type: 'NaN', default_left: false })
    expect(scores(tree, [Infinity, 1e301, Number.NaN])).toEqual([1, 1, 2])
  })

  test('a category that is in the list goes left, any other one and NaN right', () => {
    const tree = split({ decision_type: '==', threshold: '0||3||40', default_left: true, missing_type: 'NaN' })
    const values = [0, 3, 40, 3.9, -0.5, 1, -3, 1e12, Number.NaN]
    expect(scores(tree, values)).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2])
  })
})

test('trees are added up in their order, from zero', () => {
  const trees = [0.1, 0.2, 0.3, 1e16, -1e16].map((leaf_value) => ({ leaf_value }))
  expect(rawScore(read(...trees), [0, 0])).toBe([0.1, 0.2, 0.3, 1e16, -1e16].reduce((sum, value) => sum + value, 0))
})

test('a tree as deep as it has leaves is read', () => {
  let tree: object = { leaf_value: 0 }
  for (let depth = 1; depth <= 100_000; depth++)
    tree = split({ threshold: depth, left_child: tree, right_child: { leaf_value: depth } })
  expect(scores(tree, [0, 7, 100_001])).toEqual([0, 6, 100_000])
})

test('a raw score of a binary model is the logarithm of the odds', () => {
  expect(prediction(read({ leaf_value: 0 }), Math.log(3))).toBeCloseTo(0.75, 15)
})

test.each([
  ['no dump', {}, 'feature_names and tree_info are missing'],
  ['null', null, 'feature_names and tree_info are missing'],
  ['several classes', { ...dump(), num_tree_per_iteration: 3 }, 'several classes'],
  ['a random forest', { ...dump(), average_output: true }, 'random forest'],
  ['a ranking', { ...dump(), objective: 'lambdarank' }, 'its objective is lambdarank'],
  ['another sigmoid', { ...dump(), objective: 'binary sigmoid:2' }, 'its objective is binary sigmoid:2'],
  ['linear leaves', dump({ leaf_value: 1, leaf_coeff: [1] }), 'linear models'],
  ['an input that is not there', dump(split({ split_feature: 2 })), 'over no input'],
  ['half a tree', dump(split({ right_child: undefined })), 'over no input'],
  ['another decision', dump(split({ decision_type: '>' })), 'decides by ">"'],
  ['another kind of missing', dump(split({ missing_type: 'Some' })), 'takes "Some" for missing'],
])('%s is refused', (_what, given, error) => {
  expect(readGbdt(given)).toEqual({ error: expect.stringContaining(error) })
})
