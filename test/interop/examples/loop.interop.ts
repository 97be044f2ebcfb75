/** Both examples as a newcomer runs them: processes of their own, LightGBM in Python, and numbers that must hold. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../../../scripts/lib/paths.ts'
import { run } from '../../../scripts/lib/run.ts'
import { isPythonThere } from '../../../scripts/peers/python.ts'
import { isQuick } from '../size.ts'

interface Told {
  readonly steps: readonly { readonly numbers: Readonly<Record<string, Readonly<Record<string, number>>>> }[]
}

/** All numbers that an example prints, by what they are about. */
async function runExample(name: string): Promise<Map<string, readonly Readonly<Record<string, number>>[]>> {
  const args = [join(root, 'examples', name, 'run.ts'), '--json', ...(isQuick ? ['--quick'] : [])]
  const { ok, output } = await run(process.execPath, args)
  expect(ok, output).toBe(true)
  // One object, and no warning beside it.
  expect(output.trim().split('\n')).toHaveLength(1)
  const { steps } = JSON.parse(output) as Told
  const all = steps.flatMap(({ numbers }) => Object.entries(numbers))
  return new Map(
    [...Map.groupBy(all, ([what]) => what)].map(([what, own]) => [what, own.map(([, numbers]) => numbers)]),
  )
}

/** Predictions online are those of the training rows, bit for bit, and better than guessing. */
function expectLoop(told: Awaited<ReturnType<typeof runExample>>, models: readonly string[]): void {
  let asked = 0
  for (const name of models) {
    const [judged = {}] = told.get(name) ?? []
    const { rows = 0, baseRate = 0 } = judged
    expect(rows, name).toBeGreaterThan(100)
    expect(judged, name).toMatchObject({ equal: rows, greatestDifference: 0, equalToLightGbm: rows })
    expect(judged.auc, name).toBeGreaterThan(0.6)
    expect(baseRate, name).toBeGreaterThan(0)
    expect(baseRate, name).toBeLessThan(0.5)
    asked += rows
  }
  const [parity = {}] = told.get('parity') ?? []
  expect(parity).toMatchObject({ mismatches: 0, skipped: 0 })
  expect(parity.vectors).toBeGreaterThanOrEqual(asked)
}

// Both at once: each waits a good part of its time.
const skip = test.skipIf(isQuick && !isPythonThere()).concurrent

skip('the storefront: recommendation and fraud', async () => {
  expectLoop(await runExample('storefront'), ['recommend', 'fraud'])
}, 600_000)

skip('flights: the model of trees', async () => {
  const told = await runExample('flights')
  expectLoop(told, ['delay_risk'])
  const [judged = {}] = told.get('delay_risk') ?? []
  const [logistic = {}] = told.get('the committed logistic model on the same rows') ?? []
  expect(logistic.auc).toBeGreaterThan(0.6)
  // On the days that the committed model is judged on, trees of the same features are at least as good.
  if (!isQuick) expect(judged.auc).toBeGreaterThan((logistic.auc ?? 1) - 0.01)
}, 600_000)
