import type { FieldSpec, SourceSpec } from '../engine/index.ts'

/** The fields that events bring themselves: what formats decode and writers' schemas are checked for. */
export function sentFields({ fields, enrich }: SourceSpec): readonly FieldSpec[] {
  return enrich === undefined ? fields : fields.filter(({ enriched }) => enriched === undefined)
}

/** The source as its senders know it. */
export function asSent(source: SourceSpec): SourceSpec {
  return source.enrich === undefined ? source : { ...source, fields: sentFields(source) }
}
