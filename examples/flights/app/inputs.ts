import trained from '../../../workers/inference/delay-model.json' with { type: 'json' }
import { type ModelInputs, numberOf } from '../../lib/model-inputs.ts'

const names = trained.inputs.map(({ feature }) => feature)
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** The same features as the model that is committed, as they are, and the hour: trees need no scales. */
export const delayRisk: ModelInputs = {
  service: trained.service,
  keys: ['airport', 'origin', 'destination'],
  columns: [],
  inputs: [...names, 'hour'],
  categories: [],
  values: (_columns, features, atMs) => [...names.map((name) => numberOf(features[name])), (atMs % DAY_MS) / HOUR_MS],
}
