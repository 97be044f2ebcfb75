import { LEFT, RIGHT, SIDE } from './join-plan.ts'
import type { FieldSpec, FieldType, Value, ViewInput, ViewSpec } from './spec.ts'

/** The column of a union's rows that says which of its inputs a row is of. */
export const INPUT = '$source'

/** The sources of a view, also when it is only one. */
export function inputsOf({ source, key, inputs }: ViewSpec): readonly ViewInput[] {
  return inputs ?? [{ name: source, source, key }]
}

/** The fields that feed a view's keys, as {@link columnTypes} names them. */
export function keyNames({ key, inputs }: ViewSpec): string[] {
  if (inputs === undefined) return Object.values(key)
  return inputs.flatMap((input) => Object.values(input.key).map((field) => `${input.name}.${field}`))
}

/**
 * The types of what a view may keep of a row and takes its keys from. Of one source its fields; of several each field as
 * `input.field`, and of a union also those that all have with one type.
 */
export function columnTypes(
  view: ViewSpec,
  fieldsOf: (source: string) => readonly Pick<FieldSpec, 'name' | 'type'>[],
): Map<string, FieldType> {
  const types = new Map<string, FieldType>()
  if (view.inputs === undefined) {
    for (const { name, type } of fieldsOf(view.source)) types.set(name, type)
    return types
  }
  const all = view.inputs.map(({ name, source }) => ({ name, fields: fieldsOf(source) }))
  for (const { name, fields } of all) for (const field of fields) types.set(`${name}.${field.name}`, field.type)
  if (view.join !== undefined) return types
  for (const { name, type } of all[0]?.fields ?? []) {
    if (all.every(({ fields }) => fields.some((field) => field.name === name && field.type === type))) {
      types.set(name, type)
    }
  }
  return types.set(INPUT, 'string')
}

/** Where a row of one input has a column from: a field of its source, or what it is in all of them. */
export type ColumnOrigin = { readonly field: string } | { readonly constant: Value }

/** Tells the origin of a kept column in the rows of an input of the view. */
export function columnOrigin(view: ViewSpec, input: ViewInput, column: string): ColumnOrigin {
  if (view.join !== undefined) {
    if (column === SIDE) return { constant: input.name === RIGHT }
    const side = column.startsWith(`${LEFT}.`) ? LEFT : RIGHT
    return side === input.name ? { field: column.slice(side.length + 1) } : { constant: null }
  }
  return view.inputs !== undefined && column === INPUT ? { constant: input.name } : { field: column }
}
