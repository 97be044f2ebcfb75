import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { SourceSpec } from '../../../engine/index.ts'
import type { Plan } from '../../../plan/index.ts'
import type { Manifest, Removal, Segment } from '../../index.ts'
import { listOf, named, openDuck, quoted, rowsOf } from '../duck.ts'
import { OfflineError } from '../offline-error.ts'
import { contractOf, editLog, fetchPiece, nameOf, readManifests, type Upkeep } from './bucket.ts'
import { insistIsReplaced } from './compact.ts'
import {
  blankedFields,
  type EntityKeyText,
  type KeyFields,
  keyFieldsOf,
  keyOfTexts,
  keySha256,
  matchSql,
  readersOf,
  relatedRoutes,
} from './person.ts'
import { type Piece, rewrite } from './rewrite.ts'

/** Who is erased: the key that was asked for first, then those of entities whose keys are made of it. */
export interface Person {
  readonly plan: Plan
  readonly keys: readonly EntityKeyText[]
  readonly matches: readonly KeyFields[]
  /** Fields that go besides in rows of others which have the key. */
  readonly blank: readonly string[]
  /** Views that are computed from what goes: history that is computed anew has less of others than what was served, as `view (field)`. */
  readonly readers: readonly string[]
}

/** What the shards said: their last commits of who is erased, and when, by the region's clock. */
export interface ErasedAt {
  readonly atMs: number
  /** By `region/entity/epoch/shard`, and the key. */
  readonly commits: ReadonlyMap<string, number>
}

/** Finds who is meant in all of the log: keys of other entities that are made of the person's, too. */
export async function findPerson(
  { objects, folder, memoryMb }: Pick<Upkeep, 'objects' | 'folder' | 'memoryMb'>,
  plan: Plan,
  { entity: name, key }: EntityKeyText,
  blank: readonly string[] = [],
  onFile: (done: number, of: number) => void = () => {},
): Promise<Person> {
  const entity = plan.entities.get(name)
  if (entity === undefined) throw new OfflineError(`the definitions have no entity ${name}`)
  const matches = keyFieldsOf(plan, entity, key)
  const related = relatedRoutes(plan, entity, matches)
  const found = new Map<string, EntityKeyText>([[`${name} ${key}`, { entity: name, key }]])
  const files = (await readManifests(objects)).flatMap((manifest) =>
    manifest.segments.flatMap((segment) => {
      const routes = related.filter(
        ({ source, route }) => source.name === segment.source && route.entity.spec.name === manifest.shard.entity,
      )
      return routes.length === 0 ? [] : [{ manifest, segment, routes }]
    }),
  )
  const own = await mkdtemp(join(folder, 'person-'))
  const { connection, instance } = await openDuck({ threads: 2, memoryMb, temporary: own })
  try {
    for (const [i, { manifest, segment, routes }] of files.entries()) {
      const piece = await fetchPiece(objects, segment, own)
      if (piece === undefined) continue
      const contract = contractOf(manifest, segment)
      for (const { source, match, route } of routes) {
        const where = matchSql(match, contract)
        const names = route.keyFields.map((place) => source.fields[place]?.name as string)
        if (where === undefined || !names.every((one) => contract.fields.some((field) => field.name === one))) continue
        const texts = names.map((one, k) => `CAST(r.${named(one)} AS VARCHAR) AS k${k}`)
        const query = `SELECT DISTINCT ${texts.join(', ')} FROM read_parquet(${listOf([piece.path])}, hive_partitioning = false) r WHERE ${where}`
        for (const row of await rowsOf<Record<string, string | null>>(connection, query)) {
          const made = keyOfTexts(
            route,
            names.map((_, k) => row[`k${k}`] ?? null),
          )
          const of = route.entity.spec.name
          if (made !== undefined) found.set(`${of} ${made}`, { entity: of, key: made })
        }
      }
      await rm(piece.path, { force: true })
      onFile(i + 1, files.length)
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(own, { recursive: true, force: true })
  }
  return { plan, keys: [...found.values()], matches, blank, readers: readersOf(plan, matches, blank) }
}

export interface ErasedLog {
  readonly filesRead: number
  readonly filesRewritten: number
  readonly rowsDropped: number
  /** Rows of others in which the key was blanked. */
  readonly rowsBlanked: number
  /** `source.field` of what was blanked. */
  readonly fields: readonly string[]
  /** Shards whose log somebody changed meanwhile: run again. */
  readonly left: readonly string[]
}

/** What is to be done with the rows of a file, as SQL over a row `r`. */
export interface FileRule {
  /** Rows that are the person's. */
  readonly gone: string
  /** Rows of others that have the key in a field. */
  readonly blanked: string
  /** Which column is null in which rows, of those that stay. */
  readonly nullWhere: ReadonlyMap<string, string>
}

/** The rule for one segment; undefined where nothing of it can be the person's. */
export function ruleOf(
  person: Person,
  { atMs, commits }: ErasedAt,
  { shard }: Manifest,
  contract: SourceSpec,
): FileRule | undefined {
  const theirs = person.keys.filter(({ entity }) => entity === shard.entity)
  const own = theirs.flatMap(({ key }) => {
    const seq = commits.get(`${nameOf(shard)} ${key}`)
    return seq === undefined ? [] : [`(r.tm_key = ${quoted(key)} AND r.tm_seq <= ${seq})`]
  })
  const found = person.matches.flatMap((match) => {
    const sql = matchSql(match, contract)
    return sql === undefined ? [] : [{ fields: match.fields.map(({ name }) => name), sql: `coalesce(${sql}, false)` }]
  })
  if (own.length === 0 && found.length === 0) return undefined
  // What the person's own rows say that came after the erasure is not touched: they would feed nobody any more.
  const keys = theirs.map(({ key }) => quoted(key)).join(', ')
  const others = keys === '' ? 'true' : `(r.tm_key IS NULL OR r.tm_key NOT IN (${keys}))`
  const inTime = `${others} AND epoch_ms(r.tm_available_at) <= ${atMs}`
  const any = `${inTime} AND (${found.length === 0 ? 'false' : found.map(({ sql }) => sql).join(' OR ')})`
  const nullWhere = new Map<string, string>([['tm_id', any]])
  for (const name of blankedFields(person.plan, shard.entity, contract, person.blank)) nullWhere.set(name, any)
  const inFields = new Map<string, string[]>()
  for (const { fields, sql } of found)
    for (const name of fields) inFields.set(name, [...(inFields.get(name) ?? []), sql])
  for (const [name, conditions] of inFields) {
    if (!nullWhere.has(name)) nullWhere.set(name, `${inTime} AND (${conditions.join(' OR ')})`)
  }
  return { gone: `coalesce(${own.length === 0 ? 'false' : own.join(' OR ')}, false)`, blanked: any, nullWhere }
}

/** Rewrites away what the log has of a person, shard by shard. Wherever it ends, running it again ends the same. */
export async function eraseLog(
  upkeep: Upkeep,
  person: Person,
  at: ErasedAt,
  onFile: (done: number, of: number) => void = () => {},
): Promise<ErasedLog> {
  const manifests = await readManifests(upkeep.objects)
  const total = manifests.reduce((sum, { segments }) => sum + segments.length, 0)
  const sum = { filesRead: 0, filesRewritten: 0, rowsDropped: 0, rowsBlanked: 0 }
  const fields = new Set<string>()
  const left: string[] = []
  let done = 0
  for (const manifest of manifests) {
    const one = await eraseShard(upkeep, person, at, manifest, () => onFile(++done, total))
    if (one === undefined) left.push(nameOf(manifest.shard))
    else {
      sum.filesRead += one.filesRead
      sum.filesRewritten += one.filesRewritten
      sum.rowsDropped += one.rowsDropped
      sum.rowsBlanked += one.rowsBlanked
      for (const field of one.fields) fields.add(field)
    }
  }
  return { ...sum, fields: [...fields].sort(), left }
}

async function eraseShard(
  upkeep: Upkeep,
  person: Person,
  at: ErasedAt,
  manifest: Manifest,
  onFile: () => void,
): Promise<Omit<ErasedLog, 'left'> | undefined> {
  const { objects, memoryMb } = upkeep
  const folder = await mkdtemp(join(upkeep.folder, 'erase-'))
  const duck = await openDuck({ threads: 2, memoryMb, temporary: folder })
  const sum = { filesRead: 0, filesRewritten: 0, rowsDropped: 0, rowsBlanked: 0 }
  const fields = new Set<string>()
  const remove: string[] = []
  const add: Segment[] = []
  try {
    for (const segment of manifest.segments) {
      const contract = contractOf(manifest, segment)
      const rule = ruleOf(person, at, manifest, contract)
      if (rule !== undefined) {
        const piece = await fetchPiece(objects, segment, folder)
        if (piece === undefined) return await insistIsReplaced(upkeep, manifest, segment)
        sum.filesRead++
        const { gone, blanked } = await countOf(duck.connection, piece, rule)
        if (gone + blanked > 0) {
          const stays = `NOT ${rule.gone}`
          const made = await rewrite({
            instance: duck.instance,
            shard: manifest.shard,
            source: contract,
            pieces: [piece],
            stays,
            instead: insteadOf(rule),
            folder,
          })
          if (made !== null) {
            await objects.put(made.segment.key, await readFile(made.path))
            add.push(made.segment)
          }
          remove.push(segment.key)
          sum.filesRewritten++
          sum.rowsDropped += gone
          sum.rowsBlanked += blanked
          if (blanked > 0) for (const name of rule.nullWhere.keys()) fields.add(`${segment.source}.${name}`)
        }
        await rm(piece.path, { force: true })
      }
      onFile()
    }
    if (!(await tellShard(upkeep, person, at, manifest, { remove, add, ...sum, fields: [...fields].sort() })))
      return undefined
    await objects.delete(remove)
    return { ...sum, fields: [...fields] }
  } finally {
    duck.connection.closeSync()
    duck.instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  }
}

const insteadOf = ({ nullWhere }: FileRule): ReadonlyMap<string, string> =>
  new Map([...nullWhere].map(([name, sql]) => [name, `CASE WHEN ${sql} THEN NULL ELSE r.${named(name)} END`]))

async function countOf(
  connection: DuckDBConnection,
  { path }: Piece,
  { gone, blanked }: FileRule,
): Promise<{ readonly gone: number; readonly blanked: number }> {
  const [found] = await rowsOf<{ gone: bigint; blanked: bigint }>(
    connection,
    `SELECT count(*) FILTER (${gone}) AS gone, count(*) FILTER (NOT ${gone} AND ${blanked}) AS blanked FROM read_parquet(${listOf([path])}, hive_partitioning = false) r`,
  )
  return { gone: Number(found?.gone ?? 0), blanked: Number(found?.blanked ?? 0) }
}

interface Change {
  readonly remove: readonly string[]
  readonly add: readonly Segment[]
  readonly rowsDropped: number
  readonly rowsBlanked: number
  readonly fields: readonly string[]
}

/** Has the shard name the new files, and say of whose key it has nothing any more: only its hash. */
async function tellShard(
  upkeep: Upkeep,
  { keys }: Person,
  { commits }: ErasedAt,
  { shard, seq }: Manifest,
  { remove, add, rowsDropped, rowsBlanked, fields }: Change,
): Promise<boolean> {
  const atMs = upkeep.now()
  const [asked] = keys as readonly [EntityKeyText]
  const told: Removal[] = keys.flatMap((one) => {
    const erasedAt = one.entity === shard.entity ? commits.get(`${nameOf(shard)} ${one.key}`) : undefined
    if (erasedAt === undefined) return []
    return [{ atMs, why: 'erasure', keySha256: keySha256(one.key), seq: erasedAt, rows: 0 }]
  })
  if (rowsBlanked > 0)
    told.push({ atMs, why: 'erasure', keySha256: keySha256(asked.key), seq, rows: rowsBlanked, fields })
  if (told.length === 0 && remove.length === 0) return true
  // Rows are told once, with the change that takes them away; what is told twice is one.
  for (const removed of told.slice(1)) {
    if ((await upkeep.editor.edit(shard, { remove: [], add: [], removed })) === 'changed') return false
  }
  const [removed] = told
  return await editLog(upkeep, shard, {
    remove,
    add,
    ...(removed && { removed: { ...removed, rows: removed.fields ? removed.rows : rowsDropped } }),
  })
}
