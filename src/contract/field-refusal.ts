import type { FieldSpec, MapValue, Value } from '../engine/index.ts'
import { type Refusal, type RefusalReason, refusal, shown } from './refusal.ts'

/** What a field of a row holds: any value but a map, which only features have. */
export type FieldValue = Exclude<Value, MapValue>

/** Checks the JSON value of one field (undefined: absent) and gives it in the form that rows hold, or refuses it. */
export type FieldReader = (raw: unknown) => FieldValue | Refusal

/** What is not of the right JSON type: null and absent where they may be, else a refusal. */
export function absent(field: FieldSpec, raw: unknown, expected: string): null | Refusal {
  if (raw === undefined) {
    return field.optional
      ? null
      : refusal('missing_field', `"${field.name}" is missing; expected ${expected}.`, field.name)
  }
  if (raw === null && field.nullable) return null
  return refuse('wrong_type', field, raw, expected)
}

/** A refusal that says what came and what was expected. */
export function refuse(reason: RefusalReason, field: FieldSpec, raw: unknown, expected: string): Refusal {
  return refusal(reason, `"${field.name}" is ${shown(raw)}; expected ${expected}.`, field.name)
}
