import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { installPython, isPythonThere } from '../../../scripts/peers/python.ts'
import type { DefinitionsSpec, FeatureSpec } from '../../../src/engine/index.ts'
import { trainingSet } from '../../../src/offline/node/index.ts'
import { Plan } from '../../../src/plan/index.ts'
import { LoggedShards } from '../../support/logged-shards.ts'
import { random } from '../../support/random.ts'
import { definitionsOf } from '../../support/shards.ts'
import { randomFields } from '../../support/streams.ts'
import { interopFolder } from '../peers.ts'

const NOW = Date.UTC(2026, 0, 1)
const WEEK = { kind: 'sliding', widthMs: 7 * 86_400_000, delayMs: 0 } as const
const LABELS = 2_000
/** Events in a week that make somebody busy. */
const BUSY = 20

const FEATURES: readonly FeatureSpec[] = [
  { name: 'n', aggregate: 'count', window: WEEK },
  { name: 'spent', aggregate: 'sum', field: 'price', window: WEEK },
  { name: 'mean', aggregate: 'avg', field: 'units', window: WEEK },
  { name: 'account', aggregate: 'latest', field: 'account', window: { kind: 'lifetime' } },
  { name: 'seen', aggregate: 'latest', field: 'seen', window: { kind: 'lifetime' } },
  { name: 'ok', aggregate: 'latest', field: 'ok', window: { kind: 'lifetime' } },
  { name: 'kind', aggregate: 'latest', field: 'kind', window: { kind: 'lifetime' } },
  { name: 'taste', aggregate: 'latest', field: 'embedding', window: { kind: 'lifetime' } },
  { name: 'last', aggregate: 'lastN', field: 'units', options: { n: 3 }, window: { kind: 'lifetime' } },
  { name: 'kinds', aggregate: 'count', groupBy: { field: 'kind', max: 20 }, window: WEEK },
]

const isQuick = process.env.TIDEMARK_INTEROP_QUICK === '1'

test.skipIf(isQuick && !isPythonThere())(
  'pandas, Polars, PyArrow, scikit-learn and LightGBM take a set as it is',
  async () => {
    const python = await installPython()
    const folder = join(interopFolder(), 'python')
    mkdirSync(folder, { recursive: true })
    await makeSets(folder)
    const script = join(import.meta.dirname, 'load_training_set.py')
    const { status, stdout, stderr } = spawnSync(python, [script, folder], { encoding: 'utf8' })
    expect(stderr, stderr).not.toContain('Error')
    expect(status).toBe(0)
    const told = JSON.parse(stdout) as {
      rows: number[]
      columns: string[][]
      types: Record<string, string>
      arrow_types: Record<string, string>
      polars_equals_arrow: boolean
      first: Record<string, unknown>
      accuracy: Record<string, number>
    }
    expect(told.rows).toEqual([LABELS, LABELS, LABELS, LABELS])
    const names = ['user_id', 'at', 'label', 'split', ...FEATURES.map(({ name }) => `by_user__${name}`)]
    expect(told.columns).toEqual([names, names, names, names])
    expect(told.types).toMatchObject({
      by_user__n: 'int64',
      by_user__spent: 'decimal128(38, 2)',
      by_user__mean: 'double',
      by_user__account: 'int64',
      by_user__seen: 'timestamp[us, tz=UTC]',
      by_user__ok: 'bool',
      by_user__kind: 'string',
      by_user__taste: 'list<element: float>',
      by_user__last: 'list<element: int64>',
      by_user__kinds: 'string',
    })
    expect(told.arrow_types).toMatchObject({
      by_user__n: 'int64',
      by_user__mean: 'double',
      by_user__seen: 'timestamp[us, tz=UTC]',
    })
    expect(told.polars_equals_arrow).toBe(true)
    expect(told.first.by_user__n).toBeGreaterThan(0)
    expect(told.first.by_user__taste).toHaveLength(3)
    // What the label was made of is in the features.
    expect(told.accuracy.sklearn).toBeGreaterThan(0.95)
    expect(told.accuracy.lightgbm).toBeGreaterThan(0.95)
  },
  600_000,
)

/** One set in three formats: the label says whether a user was busy. */
async function makeSets(folder: string): Promise<void> {
  const view = { name: 'by_user', entity: 'user', source: 'activity', key: { user_id: 'uid' }, features: FEATURES }
  const base = definitionsOf([{ ...view, exactRows: 128, allowedLatenessMs: 300_000, since: 'beginning' }])
  const services = [
    { name: 'all', version: 1, features: FEATURES.map(({ name }) => `by_user.${name}`), maxStalenessMs: 0 },
  ]
  const spec: DefinitionsSpec = { ...base, services }
  const r = random(5)
  const world = new LoggedShards(new Plan(spec), { shards: 2, startMs: NOW })
  const labels: string[] = []
  try {
    for (let step = 0; step < LABELS; step++) {
      world.clock += r.int(1, 3_600_000)
      const uid = `u${Math.min(r.int(0, 20), r.int(0, 20))}`
      world.send([
        {
          id: `e${step}`,
          uid,
          friend: uid,
          at: world.clock,
          fields: { ...randomFields(r), ok: true, units: r.int(0, 9), price: BigInt(r.int(0, 500)) },
        },
      ])
      world.clock++
      const [busy] = JSON.parse(`[${world.read(uid)?.answer.values}]`) as [number]
      labels.push(JSON.stringify({ user_id: uid, at: new Date(world.clock).toISOString(), label: busy > BUSY ? 1 : 0 }))
    }
    await world.flush()
    const file = join(folder, 'labels.ndjson')
    writeFileSync(file, labels.join('\n'))
    for (const format of ['parquet', 'arrow', 'csv']) {
      const out = join(folder, `set.${format}`)
      await trainingSet({
        definitions: { spec },
        service: 'all',
        labels: file,
        out,
        log: world.folder,
        split: 'time:2026-02-01',
      })
    }
  } finally {
    world.remove()
  }
}
