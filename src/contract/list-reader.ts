import type { FieldSpec, Scalar, ScalarType } from '../engine/index.ts'
import { MAX_LIST_ITEMS, MAX_LIST_UNITS } from '../util/limits.ts'
import { absent, type FieldReader, refuse } from './field-refusal.ts'
import { isRefusal, type RefusalReason } from './refusal.ts'

/**
 * Compiles the checks of a list: how many elements, then each like a field of its own that is never null. A refusal names
 * the first element that fails: `"tags[3]" is null; expected a text.`
 *
 * @param readerOf compiles the checks of one scalar
 */
export function listReader(
  field: FieldSpec,
  element: ScalarType,
  readerOf: (field: FieldSpec) => FieldReader,
): FieldReader {
  const itemNamed = (name: string): FieldSpec => ({
    ...field.items,
    name,
    type: element,
    nullable: false,
    optional: false,
  })
  const read = readerOf(itemNamed(field.name))
  const least = field.minItems ?? 0
  const most = Math.min(field.maxItems ?? MAX_LIST_ITEMS, MAX_LIST_ITEMS)
  const reason: RefusalReason = most === field.maxItems ? 'out_of_range' : 'too_large'
  return (raw) => {
    if (!Array.isArray(raw)) return absent(field, raw, 'a list')
    if (raw.length > most) return refuse(reason, field, raw, `at most ${most} elements`)
    if (raw.length < least) return refuse('out_of_range', field, raw, `at least ${least} elements`)
    const list: Scalar[] = []
    let units = 0
    for (let i = 0; i < raw.length; i++) {
      const value = read(raw[i])
      if (value === null || typeof value === 'object') {
        // Compiled for the message alone: the name of an element has its place in it.
        const why = readerOf(itemNamed(`${field.name}[${i}]`))(raw[i])
        return typeof why === 'object' && why !== null && isRefusal(why) ? { ...why, field: field.name } : why
      }
      if (typeof value === 'string') units += value.length
      list.push(value)
    }
    if (units <= MAX_LIST_UNITS) return list
    return refuse('too_large', field, raw, `texts of at most ${MAX_LIST_UNITS} characters together`)
  }
}
