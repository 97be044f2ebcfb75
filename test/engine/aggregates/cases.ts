import type { Aggregate, AggregateInput, Computation, Failure, OptionRule } from '../../../src/engine/aggregate.ts'
import { aggregates } from '../../../src/engine/aggregates/index.ts'
import { decayed } from '../../../src/engine/computations/decayed.ts'
import { groupedBy, keyText } from '../../../src/engine/computations/grouped.ts'
import { overNewest } from '../../../src/engine/computations/newest.ts'
import { holds, type NaiveRow, naiveDecayed, naiveOrder } from '../../../src/engine/naive.ts'
import type { AggregateOptions, Scalar, ScalarType, Value } from '../../../src/engine/spec.ts'
import type { Random } from '../../support/random.ts'
import { FIELDS, randomPredicate, shuffled } from '../../support/streams.ts'
import { typeOf } from './harness.ts'

/** One feature over one kind of window, with what it should give by its naive definition. */
export interface Case {
  /** For messages: all of its definition. */
  readonly text: string
  readonly aggregate: string
  readonly options: AggregateOptions
  readonly computation: Computation
  naive(rows: readonly NaiveRow[], t: number): Value | undefined | Failure
}

export const FORMS = ['plain', 'grouped', 'newest', 'newest grouped', 'decayed', 'decayed grouped'] as const
export type Form = (typeof FORMS)[number]
export const HALF_LIFE_MS = 1_000

/** A random feature of an aggregate; undefined when it has no such form. */
export function randomCase(r: Random, name: string, form: Form): Case | undefined {
  const aggregate = aggregates[name] as Aggregate
  const input = randomInput(r, aggregate)
  const field = r.pick(['kind', 'units', 'account', 'ok', 'seen', 'price'])
  const group = form.includes('grouped') ? { field, max: r.pick([1, 3, 8, 50]) } : undefined
  const newest = form.includes('newest') ? r.pick([1, 2, 7, 50]) : undefined
  const plain = aggregate.prepare(input) as Computation
  if (form.includes('decayed') && plain.decay === undefined) return undefined
  const inner = (of: AggregateInput) => {
    let computation: Computation | { readonly error: string } = aggregate.prepare(of)
    if (form.includes('decayed') && !('error' in computation)) computation = decayed(computation, HALF_LIFE_MS)
    return group === undefined || 'error' in computation ? computation : groupedBy(computation, group, typeOf)
  }
  const computation = newest === undefined ? inner(input) : overNewest(newest, input, inner)
  if ('error' in computation) throw new Error(`${name}: ${computation.error}`)
  const value = (rows: readonly NaiveRow[], t: number) =>
    form.includes('decayed') ? decayedValue(plain, rows, t) : aggregate.naive(rows, input, { t })
  const { typeOf: _, ...definition } = input
  const big = (_key: string, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)
  return {
    text: JSON.stringify({ name, form, group, newest, ...definition }, big),
    aggregate: name,
    options: input.options,
    computation,
    naive(rows, t) {
      const passing = rows.filter((row) => input.where === undefined || holds(input.where, row.fields))
      const taken = newest === undefined ? passing : passing.slice(-newest)
      return group === undefined ? value(taken, t) : groupedValue(taken, group, (of) => value(of, t))
    },
  }
}

function decayedValue(plain: Computation, rows: readonly NaiveRow[], t: number) {
  const totals = plain.accumulators.map(({ kind, field, where }) => {
    // The rows have passed the feature's own filter; rate's second count has a further one.
    const counted = rows.filter((row) => where === undefined || holds(where, row.fields))
    const terms = counted
      .map(({ time, fields }) => ({ time, value: field === undefined ? 1 : (fields[field] ?? null) }))
      .filter((term) => term.value !== null)
      .map(({ time, value }) => ({ time, value: kind === 'count' ? 1 : (value as number | bigint) }))
    return naiveDecayed(terms, HALF_LIFE_MS, t)
  })
  if (totals[0] === 0) return undefined
  const value = plain.decay?.(totals) ?? Number.NaN
  return Number.isFinite(value) ? value : ({ error: 'overflow' } as const)
}

function groupedValue(
  rows: readonly NaiveRow[],
  { field, max }: { readonly field: string; readonly max: number },
  inner: (rows: readonly NaiveRow[]) => Value | undefined | Failure,
): Value | undefined | Failure {
  const keyOf = (row: NaiveRow) => (row.fields[field] ?? null) as Scalar | null
  const keys = [...new Set(rows.map(keyOf))].filter((key) => key !== null).sort(naiveOrder)
  if (keys.length > max) return { error: 'cap' }
  const map: { [key: string]: Value } = Object.create(null)
  for (const key of keys) {
    const value = inner(rows.filter((row) => keyOf(row) === key))
    if (isFailure(value)) return value
    if (value !== undefined) map[keyText(key, typeOf(field) as ScalarType)] = value
  }
  return Object.keys(map).length === 0 ? undefined : map
}

export const isFailure = (value: unknown): value is Failure =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && 'error' in value

/** Arguments that the aggregate takes, by what it says of itself: a new one needs nothing here. */
function randomInput(r: Random, aggregate: Aggregate): AggregateInput {
  const options: Record<string, string | number | boolean> = {}
  for (const [name, rule] of Object.entries(aggregate.options ?? {})) {
    const value = randomOption(r, rule)
    if (value !== undefined) options[name] = value
  }
  const { takes } = aggregate
  const base = { options, typeOf, ...(r.chance(0.4) && { where: randomPredicate(r) }) }
  if (takes === 'predicate') return { ...base, matches: randomPredicate(r) }
  if (takes === 'nothing' || (takes === 'optional field' && r.chance(0.3))) return base
  const names = shuffled(r, [...FIELDS.keys()])
  for (const field of names) {
    for (const orderBy of takes === 'field and order' ? names : [undefined]) {
      const input = { ...base, field, ...(orderBy !== undefined && { orderBy }) }
      if (!('error' in aggregate.prepare(input))) return input
    }
  }
  throw new Error(`${aggregate.name} takes none of the fields`)
}

function randomOption(r: Random, rule: OptionRule): string | number | boolean | undefined {
  switch (rule.kind) {
    case 'integer':
      return r.pick([rule.least, rule.least + 1, rule.least + 6, rule.default ?? rule.most])
    case 'fraction':
      return r.pick([rule.default ?? (rule.above + rule.below) / 2, rule.above * 1.1, rule.below * 0.9])
    case 'ratio':
      return r.pick([0, 1, 0.5, 0.9, r.next()])
    case 'choice':
      return r.chance(0.5) ? rule.default : r.pick(rule.of)
    case 'flag':
      return r.chance(0.5) ? true : undefined
  }
}
