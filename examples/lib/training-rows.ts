/** The rows of a training set as a model takes them. */
import { openDuck } from 'tidemark/offline'
import type { ModelInputs, Values } from './model-inputs.ts'

/** A label with its vector. */
export interface TrainingRow {
  /** The columns of the label as they were. */
  readonly label: Values
  /** The vector, by feature name. */
  readonly features: Values
  /** What the model takes. */
  readonly values: readonly number[]
}

/** Reads a set. Features are the columns `view__feature`; the time is `at`, the name of the label's. */
export async function trainingRows(set: string, model: ModelInputs): Promise<TrainingRow[]> {
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 500, temporary: `${set}.tmp` })
  try {
    const query = `SELECT * REPLACE (epoch_ms("at"::TIMESTAMPTZ) AS "at") FROM '${set.replaceAll("'", "''")}'`
    const reader = await connection.runAndReadAll(query)
    return reader.getRowObjectsJson().map((row) => {
      const features = Object.fromEntries(
        Object.entries(row).flatMap(([name, value]) => {
          const cut = name.indexOf('__')
          return cut < 0 ? [] : [[name.slice(cut + 2), value]]
        }),
      )
      return { label: row, features, values: model.values(row, features, Number(row.at)) }
    })
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
