/** The evaluator of trees against LightGBM's own scores: missing values by every rule, categories, trees of thousands of leaves. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rawScore, readGbdt } from '../../../examples/lib/gbdt.ts'
import { LightGbm } from '../../../examples/lib/lightgbm.ts'
import { isPythonThere } from '../../../scripts/peers/python.ts'
import { type Random, random } from '../../support/random.ts'
import { interopFolder } from '../peers.ts'
import { isQuick, sized } from '../size.ts'

const ROWS = sized(20_000, 3_000)
const INPUTS = ['price', 'count', 'share', 'category', 'huge']
const ODD = [Number.NaN, 0, -0, 1e-36, -1e-36, 1.0000000180025095e-35, 5e-324, 1e300, -1e300, Infinity, -Infinity]

const CASES = {
  'NaN is missing': { settings: {} },
  'zero is missing': { settings: { zero_as_missing: true } },
  'nothing is missing': { settings: { use_missing: false } },
  'large trees': { settings: { num_leaves: 2_000, min_data_in_leaf: 2, min_sum_hessian_in_leaf: 0 } },
  'categories one by one': { settings: { max_cat_to_onehot: 40 } },
  'categories in groups': { settings: { max_cat_to_onehot: 1, cat_smooth: 0, min_data_per_group: 5 } },
  'one leaf': { settings: { min_data_in_leaf: 1_000_000 } },
}

/** Numbers of every kind. `isLearned`: LightGBM learns from no infinities. */
function rowOf(r: Random, isLearned: boolean): number[] {
  const odd = (value: number) => {
    if (!r.chance(0.15)) return value
    const one = r.pick(ODD)
    return isLearned && Math.abs(one) === Infinity ? Number.NaN : one
  }
  const category = isLearned ? r.int(0, 30) : r.pick([r.int(0, 30), 31, 5_000, -1, -0.5, 3.7, 1e10, Number.NaN])
  return [
    odd(r.next() * 100),
    odd(r.int(0, 5)),
    odd(r.next() - 0.5),
    r.chance(0.1) ? Number.NaN : category,
    odd(r.next() * 1e18),
  ]
}

test.skipIf(isQuick && !isPythonThere()).each(Object.entries(CASES))(
  'raw scores equal those of LightGBM bit for bit: %s',
  async (name, { settings }) => {
    const r = random(11)
    const rows = Array.from({ length: ROWS }, () => rowOf(r, true))
    const labels = rows.map(([price = 0, count = 0, share = 0, category = 0]) => {
      const odds =
        (Number.isNaN(price) ? 0.9 : price / 100) + count / 10 + share + ([3, 7, 19].includes(category) ? 1 : 0)
      return r.next() * 2 < odds ? 1 : 0
    })
    const matrix = { inputs: INPUTS, categories: ['category'], rows }
    const lightgbm = new LightGbm(await LightGbm.check(console.log), join(interopFolder(), 'gbdt'))
    const model = readGbdt(JSON.parse(await lightgbm.train('model', matrix, labels, { trees: 30, settings })))
    if ('error' in model) throw new Error(model.error)
    const asked = [...rows, ...Array.from({ length: ROWS }, () => rowOf(r, false))]
    const theirs = await lightgbm.score('model', { ...matrix, rows: asked })
    const ours = asked.map((row) => rawScore(model, row))
    const different = ours.flatMap((raw, i) =>
      Object.is(raw, theirs[i]) ? [] : [{ row: asked[i], raw, theirs: theirs[i] }],
    )
    expect(different.slice(0, 3)).toEqual([])
    expect(theirs).toHaveLength(2 * ROWS)
    // Splits of the kind that the case is about are there, and the model is no constant.
    if (name !== 'one leaf') {
      expect(new Set(theirs).size).toBeGreaterThan(100)
      expect(model.categories.some((of) => of !== undefined)).toBe(true)
    }
    if (name === 'zero is missing') expect(model.missing).toContain('Zero')
    if (name === 'large trees') expect(model.leaves.length).toBeGreaterThan(10_000)
  },
  300_000,
)
