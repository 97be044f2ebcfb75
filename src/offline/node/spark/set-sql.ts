import { statusColumn } from '../../training/index.ts'
import { ROW } from '../training/label-file.ts'
import { type SetSource, statusSql } from '../training/output.ts'
import { SPLIT_COLUMN } from '../training/split.ts'
import { fromWire, sparkText, ticked } from './wire.ts'

/**
 * The set as Spark's SQL, with the label's place: `setQuery` for views `tm_labels` and `tm_results_RUN`. The split is a column
 * of the labels already.
 */
export function sparkSetSql({ labels, columns, places, withStatus, split }: Omit<SetSource, 'relations'>): string {
  const runs = [...new Set(places.map(({ relation }) => relation))].sort((a, b) => a - b)
  const placeOf = (i: number) => places[i] as SetSource['places'][number]
  const features = columns.map(({ name, type }, i) => {
    const { relation, index } = placeOf(i)
    return `${fromWire(`r${relation}.f${index}`, type)} AS ${ticked(name)}`
  })
  const statuses = withStatus
    ? columns.map(({ name }, i) => `${statusSql(placeOf(i), sparkText)} AS ${ticked(statusColumn(name))}`)
    : []
  const own = [...labels.map(({ name }) => name), ...(split === undefined ? [] : [SPLIT_COLUMN])]
  const selected = [`l.${ROW} AS ${ROW}`, ...own.map((name) => `l.${ticked(name)}`), ...features, ...statuses]
  const joins = runs.map((run) => `JOIN tm_results_${run} r${run} ON r${run}.tm_row = l.${ROW}`)
  return `SELECT ${selected.join(', ')} FROM tm_labels l ${joins.join(' ')}`
}
