import { createHash } from 'node:crypto'
import { decodeKey, encodeKey } from '../../../contract/index.ts'
import { columnOrigin, inputsOf, type SourceSpec, type Value } from '../../../engine/index.ts'
import type { EntityRuntime, Plan, Route } from '../../../plan/index.ts'
import { named, quoted } from '../duck.ts'

/** One key of one entity. */
export interface EntityKeyText {
  readonly entity: string
  /** As `tm_key` has it. */
  readonly key: string
}

/** Fields of a source that together are the key of who is erased. */
export interface KeyFields {
  readonly source: string
  readonly fields: readonly { readonly name: string; readonly text: string }[]
}

export const keySha256 = (key: string): string => createHash('sha256').update(key).digest('hex')

/** Where the key of an entity stands in events, by the routes of the definitions. */
export function keyFieldsOf(plan: Plan, entity: EntityRuntime, key: string): KeyFields[] {
  const texts = decodeKey(
    key,
    entity.spec.keys.map(({ type }) => type),
  ).map(String)
  const found = new Map<string, KeyFields>()
  for (const { spec, routes } of plan.sources.values()) {
    for (const route of routes.filter((one) => one.entity === entity)) {
      const fields = route.keyFields.map((place, i) => ({
        name: spec.fields[place]?.name as string,
        text: texts[i] as string,
      }))
      found.set(`${spec.name} ${fields.map(({ name }) => name).join()}`, { source: spec.name, fields })
    }
  }
  return [...found.values()]
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a row of a source has the key in these fields, in SQL over a row `r`; undefined where the contract does not have them. */
export function matchSql({ source, fields }: KeyFields, contract: SourceSpec): string | undefined {
  if (source !== contract.name) return undefined
  if (!fields.every(({ name }) => contract.fields.some((field) => field.name === name))) return undefined
  return fields.map(({ name, text }) => equalsSql(`CAST(r.${named(name)} AS VARCHAR)`, text)).join(' AND ')
}

/** A UUID is one in upper case too. */
export const equalsSql = (sql: string, text: string): string =>
  UUID.test(text) ? `lower(${sql}) = ${quoted(text)}` : `${sql} = ${quoted(text)}`

/** Other entities whose keys are made of a field that the person's key stands in: what they have is the person's too. */
export function relatedRoutes(
  plan: Plan,
  entity: EntityRuntime,
  matches: readonly KeyFields[],
): { readonly source: SourceSpec; readonly match: KeyFields; readonly route: Route }[] {
  return matches.flatMap((match) => {
    const source = plan.sources.get(match.source)
    if (source === undefined) return []
    const own = new Set(match.fields.map(({ name }) => name))
    return source.routes
      .filter((route) => route.entity !== entity)
      .filter(({ keyFields }) => keyFields.some((place) => own.has(source.spec.fields[place]?.name ?? '')))
      .map((route) => ({ source: source.spec, match, route }))
  })
}

/** The key that a row's texts make; undefined where one is null, or no value of its type. */
export function keyOfTexts({ keyTypes }: Route, texts: readonly (string | null)[]): string | undefined {
  if (texts.includes(null)) return undefined
  if (keyTypes.some((type, i) => type === 'int64' && !/^-?\d+$/.test(texts[i] as string))) return undefined
  const values = keyTypes.map((type, i): Value => {
    const text = texts[i] as string
    if (type === 'int64') return BigInt(text)
    return type === 'bool' ? text === 'true' : text
  })
  return encodeKey(values, keyTypes)
}

/**
 * Fields that go in rows of others which have the person's key, beside the key itself: what tells the event (`id`), and what is asked for. The id
 * stays where a view of the log's entity reads it: without it values of others would change.
 */
export function blankedFields(plan: Plan, logEntity: string, contract: SourceSpec, more: readonly string[]): string[] {
  const names = new Set<string>(more)
  if (contract.id !== undefined && !readFields(plan, logEntity, contract.name).has(contract.id)) names.add(contract.id)
  return contract.fields.map(({ name }) => name).filter((name) => names.has(name))
}

/** Fields of a source that views of an entity are computed from. */
export function readFields(plan: Plan, entity: string, source: string): ReadonlySet<string> {
  const read = new Set<string>()
  for (const { spec, fields } of plan.entities.get(entity)?.plan ?? []) {
    const input = inputsOf(spec).find((one) => one.source === source)
    if (input === undefined) continue
    for (const { name } of fields) {
      const origin = columnOrigin(spec, input, name)
      if ('field' in origin) read.add(origin.field)
    }
  }
  return read
}

/** Views that are computed from a field of the key, or one that is blanked with it, as `view (field)`. */
export function readersOf(plan: Plan, matches: readonly KeyFields[], blank: readonly string[]): string[] {
  const found = new Set<string>()
  for (const { source, fields } of matches) {
    const gone = new Set([...fields.map(({ name }) => name), ...blank])
    for (const { plan: views } of plan.entities.values()) {
      for (const { spec, fields: kept } of views) {
        const input = inputsOf(spec).find((one) => one.source === source)
        for (const { name } of input === undefined ? [] : kept) {
          const origin = input && columnOrigin(spec, input, name)
          if (origin && 'field' in origin && gone.has(origin.field)) found.add(`${spec.name} (${origin.field})`)
        }
      }
    }
  }
  return [...found].sort()
}
