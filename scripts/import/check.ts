/** The contract of every row, on this machine: what `--dry-run` does, and what is asked of the first rows before any is sent. */
import { isRefusal, parseEvents, type Refusal, refusal } from '../../src/contract/index.ts'
import type { SourceRuntime } from '../../src/plan/index.ts'
import type { Rows } from './row.ts'

/** Why the shards would refuse a row, by its place; nothing for what only they know (an id with another payload). */
export type RowCheck = (rows: Rows) => ReadonlyMap<number, Refusal>

export function rowCheck({ contract }: SourceRuntime, now: () => number): RowCheck {
  const { checks } = contract
  return (rows) => {
    const parsed = parseEvents(`[${rows.map(({ text }) => text).join()}]`, contract.exactNumbers)
    const refused = new Map<number, Refusal>()
    rows.forEach(({ problem }, i) => {
      const why = isRefusal(parsed)
        ? parsed
        : problem
          ? refusal('not_object', problem)
          : (parsed.broken.get(i) ?? judge(parsed.raws[i]))
      if (why) refused.set(i, why)
    })
    return refused
  }

  function judge(raw: unknown): Refusal | undefined {
    // The import names the row, where the source has no field for an id.
    const event = contract.check(raw, now(), 'row')
    if (isRefusal(event)) return event
    const failing = checks.find(
      ({ spec, field, fails }) =>
        spec.action === 'refuse' && spec.kind !== 'nulls' && fails(event.values[field] ?? null),
    )
    return failing?.refuse(event.values[failing.field] ?? null)
  }
}
