import type { Explanation } from '../../../engine/index.ts'
import { jsonText } from '../../../engine/index.ts'
import type { FeatureRef } from '../../../plan/index.ts'

/** As many rows are told, the newest. */
const MOST_ROWS = 5

/** What the log makes a value of, a sentence a line. */
export function explainedLines({ feature }: FeatureRef, found: Explanation | undefined): string[] {
  if (found === undefined) return []
  const { rows, bounds, notes } = found
  const time = (ms: number | null) => (ms === null ? '...' : new Date(ms).toISOString())
  const window = bounds === null ? '' : ` of [${time(bounds.startMs)}, ${time(bounds.endMs)})`
  const lines = [`By the log: ${feature.spec.aggregate}${window}. ${notes.join(' ')}`]
  for (const { timeMs, commit, fields, admitted, retracted } of rows.slice(-MOST_ROWS)) {
    const { region, epoch, shard, seq } = commit
    const state = retracted ? ', taken back' : admitted ? '' : ', passed over'
    const values = Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`)
    lines.push(
      `  row ${time(timeMs)} (region ${region}, epoch ${epoch}, shard ${shard}, commit ${seq}${state}) ${values.join(' ')}`,
    )
  }
  if (rows.length > MOST_ROWS) lines.push(`  and ${rows.length - MOST_ROWS} rows before`)
  return lines
}

function valueText(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Float32Array) return `[${Array.from(value.slice(0, 4)).join()}${value.length > 4 ? ',...' : ''}]`
  return value === null ? 'null' : (JSON.stringify(value) ?? jsonText(null, 'string')).slice(0, 60)
}
