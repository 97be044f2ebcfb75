import { type FeatureValue, jsonText, type ResultType } from '../../engine/index.ts'
import { LETTER_OF } from '../../shard/index.ts'

/**
 * One text for what was computed for a label, whatever file it ends in: the label's place, the values as a lookup writes them,
 * their statuses and whether they are exact. What the content hash of a set is made of.
 */
export function rowText(
  run: number,
  row: number,
  values: readonly FeatureValue[],
  types: readonly ResultType[],
): string {
  let text = `${run}/${row}\n`
  let statuses = '\n'
  for (let i = 0; i < values.length; i++) {
    const { value, status, exact } = values[i] as FeatureValue
    text += `${i === 0 ? '' : ','}${jsonText(value, types[i] as ResultType)}`
    statuses += (LETTER_OF[status] as string) + (exact ? '1' : '0')
  }
  return text + statuses
}
