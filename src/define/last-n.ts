import { FeatureBuilder } from './feature-builder.ts'
import type { FieldHandle } from './field-handle.ts'
import type { ScalarKind } from './field-types.ts'
import { type TailOptions, WindowChoice } from './windows.ts'

/**
 * With a number, a window: the newest `n` rows that the feature's `.where` admits, 1 to 1,000, however old.
 *
 * @example avg(e.amount).over(lastN(10))
 */
export function lastN(n: number, options?: TailOptions): WindowChoice<'lastN'>
/**
 * With a field, an aggregate: its `n` newest values in the window, newest first; nulls are left out. `[]` when there are
 * none. A list of the field's type, `readonly V[]`. With `{ distinct: true }` each value once, at its newest place.
 *
 * @example lastN(e.type, 5, { distinct: true }).over('7d')
 */
export function lastN<V>(
  field: FieldHandle<ScalarKind, V>,
  n: number,
  options?: { readonly distinct?: boolean },
): FeatureBuilder<readonly V[]>
export function lastN<V>(
  first: number | FieldHandle<ScalarKind, V>,
  second?: number | TailOptions,
  options: { readonly distinct?: boolean } = {},
): WindowChoice<'lastN'> | FeatureBuilder<readonly V[]> {
  if (typeof first === 'number') return new WindowChoice('lastN', first, (second as TailOptions | undefined) ?? {})
  return new FeatureBuilder({ aggregate: 'lastN', field: first, options: { n: second, ...options } })
}
