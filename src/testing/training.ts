import { isRefusal, keyFromJson } from '../contract/index.ts'
import { type FeatureValue, jsonText, type Value } from '../engine/index.ts'
import { computeHeld, type HeldLog, parseMode } from '../offline/training/index.ts'
import type { Plan, VectorPlan } from '../plan/index.ts'
import { typedRows } from '../serve/index.ts'
import { LETTER_OF, type RowText } from '../shard/index.ts'

/** A label of a set: its time, ms, what a lookup said it had seen, and the keys, with whatever else it has. */
export interface LocalLabel {
  readonly t: number
  readonly commits: readonly string[] | null
  readonly row: object
}

export interface LocalSet {
  readonly plan: Plan
  readonly vector: VectorPlan
  readonly labels: readonly LocalLabel[]
  readonly mode: string
  /** By entity. */
  readonly logs: (entity: string) => readonly HeldLog[]
  readonly region: string
}

/** One row of a set by feature name: values, and what became of each. */
export interface LocalSetRow {
  readonly features: Readonly<Record<string, Value>>
  readonly status: Readonly<Record<string, string>>
}

/** A training set from the logs of a local store. Throws an `Error` for a mode, a key or a commit that is none. */
export async function localTrainingSet({ plan, vector, labels, mode, logs, region }: LocalSet): Promise<LocalSetRow[]> {
  const parsed = parseMode(mode)
  if ('error' in parsed) throw new Error(`trainingSet(): ${parsed.error}`)
  const all = labels.map(() => new Array<FeatureValue>(vector.features.length))
  for (const entity of vector.entities) {
    const features = vector.features.filter((feature) => feature.entity === entity)
    const keys = labels.map(({ row }, i) => {
      const key = keyFromJson(row, entity.spec)
      if (isRefusal(key)) throw new Error(`trainingSet(), label ${i}: ${key.message}`)
      return key.key
    })
    const asked = labels.map(({ t, commits }, i) => ({ key: keys[i] as string, t, commits, region }))
    const set = { plan, entity, features, logs: logs(entity.spec.name), labels: asked, mode: parsed, publishLagMs: 0 }
    const found = await computeHeld(set)
    if ('error' in found) throw new Error(`trainingSet(): ${found.error}: ask for lag:1h or ideal`)
    found.forEach((values, i) => {
      features.forEach((feature, f) => {
        const row = all[i] as FeatureValue[]
        row[vector.features.indexOf(feature)] = values[f] as FeatureValue
      })
    })
  }
  const rows = all.map((values) => ({ texts: [textOf(vector, values)], commits: [], parts: [] }))
  return typedRows(vector, rows, true).map(({ features, metadata }) => ({ features, status: metadata?.status ?? {} }))
}

/** As a shard would have written it: what reads it makes the types that a read promises. */
function textOf({ features }: VectorPlan, values: readonly FeatureValue[]): RowText {
  return {
    values: values.map(({ value }, i) => jsonText(value, features[i]?.feature.resultType ?? 'int')).join(),
    statuses: values.map(({ status }) => LETTER_OF[status]).join(''),
    exact: values.map(({ exact }) => (exact ? '1' : '0')).join(''),
    eventTimeMs: null,
  }
}
