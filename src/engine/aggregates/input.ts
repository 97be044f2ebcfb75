import type { AggregateInput } from '../aggregate.ts'
import type { FieldType, Predicate, Value } from '../spec.ts'
import { decimalScale } from '../types.ts'

// What aggregates ask of their input. That a field is named where one is taken, and that options are given or have their
// defaults, was checked before: these throw for bugs only.

export function fieldOf(input: AggregateInput): string {
  if (input.field === undefined) throw new Error('an aggregate of a field got none')
  return input.field
}

export const typeOfField = (input: AggregateInput): FieldType => input.typeOf(fieldOf(input))

export function numberOption(input: AggregateInput, name: string): number {
  const value = input.options[name]
  if (typeof value !== 'number') throw new Error(`option ${name} is ${String(value)}, not a number`)
  return value
}

/** A filter as an accumulator has it: the property is absent when there is none. */
export const filteredBy = (where: Predicate | undefined): { readonly where?: Predicate } =>
  where === undefined ? {} : { where }

/** What the unit of the last digit of a decimal is one of: 10^scale; 1 for every other type. */
export const unitsPerOne = (type: FieldType): bigint => 10n ** BigInt(decimalScale(type) ?? 0)

/** One value for numbers that are equal: -0 counts as 0. */
export const withoutSign = <T extends Value>(value: T): T => (value === 0 ? (0 as T) : value)

/** Why a field of this type is not taken, for aggregates that count scalars. */
export const notScalar = (type: FieldType, name: string): { readonly error: string } => ({
  error: `a ${type} cannot be told apart: ${name} takes a scalar field`,
})

/** What aggregates say of themselves whose tiles forget what a row was one of. */
export const FROM_KEPT_ROWS = 'from kept rows only: over a table it needs tail: exact'
