import type { FieldSpec, SourceSpec } from '../../../engine/index.ts'
import { sparkTypeOf, type Wire, wireOf } from './wire.ts'

/** What a source's staged fields travel as. */
export interface SlottedSource {
  readonly spec: SourceSpec
  /** Places of the fields that are staged. */
  readonly fields: readonly number[]
  /** By staged field: the column that it has in the merged stream. */
  readonly slots: readonly string[]
}

export interface Slot {
  readonly name: string
  readonly wire: Wire
}

/**
 * Columns that rows of all sources share: the first text of one and the first text of another are one column, so that a
 * stream of many sources is as wide as the widest of them, type by type.
 */
export function slotsOf(sources: readonly { readonly spec: SourceSpec; readonly fields: readonly number[] }[]): {
  readonly sources: readonly SlottedSource[]
  readonly slots: readonly Slot[]
} {
  const slots = new Map<string, Slot>()
  const slotted = sources.map(({ spec, fields }) => {
    const counts = new Map<string, number>()
    const names = fields.map((place) => {
      const wire = wireOf((spec.fields[place] as FieldSpec).type)
      const type = nameOf(wire)
      const count = counts.get(type) ?? 0
      counts.set(type, count + 1)
      const name = `v_${type}_${count}`
      slots.set(name, { name, wire })
      return name
    })
    return { spec, fields, slots: names }
  })
  return { sources: slotted, slots: [...slots.values()] }
}

const nameOf = (wire: Wire): string => sparkTypeOf(wire).toLowerCase().replaceAll(/\W+/g, '_').replace(/_$/, '')
