import { isRefusal, keyFromJson } from '../../contract/index.ts'
import type { VectorPlan } from '../../plan/index.ts'
import { type LookupRow, rowText } from '../../serve/index.ts'

/** One vector as it was served: a line of the sample. Members of the row (`values`, `status`, `exact`, `commits`, `parts`) are as the answer had them. */
export interface ServedVector {
  /** When it was served, RFC 3339. */
  readonly served: string
  /** The request time, RFC 3339. */
  readonly at: string
  /** The region that served it. */
  readonly region: string
  /** The hash of the definitions that it was computed by: `definitions/HASH.json` has them. */
  readonly plan: string
  /** `fraud@1`; null of a read by a list of features. */
  readonly service: string | null
  readonly features: readonly string[]
  /** By entity its key as the log has it in `tm_key`. */
  readonly keys: Readonly<Record<string, string>>
  readonly values: readonly unknown[]
  readonly status: readonly string[]
  readonly exact: readonly boolean[]
  /** For a partial value: since when its history is complete. */
  readonly since?: readonly (string | null)[]
  readonly eventTime: string | null
  /** What it saw: `region/entity/epoch/shard/seq`. */
  readonly commits: readonly string[]
  readonly parts: readonly { readonly region: string; readonly ageMs: number | null; readonly tier?: string }[]
}

/** What all vectors of a region and its definitions have in common. */
export interface ServedBy {
  readonly region: string
  /** The hash of the definitions. */
  readonly plan: string
}

const heads = new WeakMap<VectorPlan, string>()

/**
 * The line of one row of an answer, without its end; undefined for keys that the row cannot have been read by. The row's own text is
 * put in as it was served, so that not a digit of a value is another.
 */
export function servedLine(
  { region, plan }: ServedBy,
  { vector, t, nowMs }: { readonly vector: VectorPlan; readonly t: number; readonly nowMs: number },
  entity: unknown,
  row: LookupRow,
): string | undefined {
  const keys: Record<string, string> = {}
  for (const { spec } of vector.entities) {
    const key = keyFromJson(entity, spec)
    if (isRefusal(key)) return undefined
    keys[spec.name] = key.key
  }
  let head = heads.get(vector)
  if (head === undefined) {
    const names = vector.features.map(({ name }) => name)
    head = `"service":${JSON.stringify(vector.service)},"features":${JSON.stringify(names)}`
    heads.set(vector, head)
  }
  const times = `"served":"${new Date(nowMs).toISOString()}","at":"${new Date(t).toISOString()}"`
  const where = `"region":${JSON.stringify(region)},"plan":"${plan}"`
  return `{${times},${where},${head},"keys":${JSON.stringify(keys)},${rowText(row).slice(1)}`
}

export const SERVED_PREFIX = 'served/'
const DEFINITIONS = 'definitions/'

/** Where the vectors of a day lie that a region served. */
export const servedFolder = (region: string, day: string): string =>
  `${SERVED_PREFIX}tm_region=${region}/tm_day=${day}/`

/** Where an object of the sample lies: a folder a region and day, as Hive names them, and its name begins with when it was written, ms. */
export const servedKey = (region: string, nowMs: number, name: string): string =>
  `${servedFolder(region, new Date(nowMs).toISOString().slice(0, 10))}${nowMs}-${name}.ndjson`

/** Where the definitions of a hash lie, as canonical JSON. */
export const definitionsKey = (hash: string): string => `${DEFINITIONS}${hash}.json`
