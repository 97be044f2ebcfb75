import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ListedObject, manifestKey, manifestPrefix, namesObject, shardOfKey } from '../../index.ts'
import { SERVED_PREFIX } from '../../served/index.ts'
import { openDuck } from '../duck.ts'
import { readManifests, type Upkeep } from './bucket.ts'
import type { ErasedAt, Person } from './erase-log.ts'
import { countLines } from './erase-served.ts'
import { inspectFile } from './inspect.ts'

/** What was looked at, and what was found of the person. */
export interface Proof {
  /** Files of the log, with those that no manifest names. */
  readonly files: number
  readonly unnamed: number
  readonly bytes: number
  readonly rows: number
  /** Objects with served vectors and reports of parity, and their lines. */
  readonly served: number
  readonly lines: number
  /** Rows and lines that are the person's still: 0, or it is not done. */
  readonly found: number
  /** Objects that have them. */
  readonly foundIn: readonly string[]
  /** Rows by `source.column` that have the very value in a text beside the key's fields. */
  readonly elsewhere: Readonly<Record<string, number>>
  /** The same in columns of numbers: by chance, or not. */
  readonly byChance: Readonly<Record<string, number>>
  /** Rows of the person that arrived since the erasure: they are new. */
  readonly since: number
}

/**
 * Deletes files that no manifest names and that have rows of a person: what was left when something ended half way. No grace is given: the log was
 * flushed since, so nobody is about to name what arrived before.
 */
export async function eraseUnnamed(upkeep: Upkeep, person: Person, at: ErasedAt): Promise<number> {
  const { objects } = upkeep
  const doomed: string[] = []
  await eachFile(upkeep, 'unnamed', async (connection, { key }, path) => {
    const { found, elsewhere } = await inspectFile(connection, key, path, person, at)
    if (found > 0 || elsewhere.size > 0) doomed.push(key)
  })
  for (const key of doomed) {
    const shard = shardOfKey(key)
    const manifest = shard && (await objects.get(shard))
    if (manifest && namesObject(new TextDecoder().decode(manifest.bytes), key)) continue
    await objects.delete([key])
  }
  return doomed.length
}

/** Reads every file of the bucket for what is left of a person. */
export async function prove(
  upkeep: Upkeep,
  person: Person,
  at: ErasedAt,
  onFile: (done: number, of: number) => void = () => {},
): Promise<Proof> {
  const sum = { files: 0, unnamed: 0, bytes: 0, rows: 0, served: 0, lines: 0, found: 0, since: 0 }
  const elsewhere: Record<string, number> = {}
  const byChance: Record<string, number> = {}
  const foundIn: string[] = []
  const names = await namesIn(upkeep)
  await eachFile(
    upkeep,
    'all',
    async (connection, { key, bytes }, path) => {
      const one = await inspectFile(connection, key, path, person, at)
      sum.files++
      if (!names.has(key)) sum.unnamed++
      sum.bytes += bytes
      sum.rows += one.rows
      sum.found += one.found
      sum.since += one.since
      if (one.found > 0) foundIn.push(key)
      for (const [column, count] of one.elsewhere) elsewhere[column] = (elsewhere[column] ?? 0) + count
      for (const [column, count] of one.byChance) byChance[column] = (byChance[column] ?? 0) + count
    },
    onFile,
  )
  for (const prefix of [SERVED_PREFIX, 'parity/']) {
    for (const { key, bytes } of await upkeep.objects.list(prefix)) {
      const stored = await upkeep.objects.get(key)
      if (stored === undefined) continue
      const { lines, theirs } = countLines(key, stored.bytes, person, at.atMs)
      sum.served++
      sum.bytes += bytes
      sum.lines += lines
      sum.found += theirs
      if (theirs > 0) foundIn.push(key)
    }
  }
  return { ...sum, foundIn, elsewhere, byChance }
}

async function namesIn({ objects }: Upkeep): Promise<ReadonlySet<string>> {
  const manifests = await readManifests(objects)
  return new Set(manifests.flatMap(({ segments, shard }) => [manifestKey(shard), ...segments.map(({ key }) => key)]))
}

type Look = (
  connection: Awaited<ReturnType<typeof openDuck>>['connection'],
  file: ListedObject,
  path: string,
) => Promise<void>

async function eachFile(
  upkeep: Upkeep,
  which: 'all' | 'unnamed',
  look: Look,
  onFile: (done: number, of: number) => void = () => {},
): Promise<void> {
  const { objects, memoryMb } = upkeep
  const names = which === 'all' ? new Set<string>() : await namesIn(upkeep)
  const listed = (await objects.list('log/')).filter(({ key }) => {
    return !key.startsWith(manifestPrefix) && key.endsWith('.parquet') && !names.has(key)
  })
  const folder = await mkdtemp(join(upkeep.folder, 'read-'))
  const { connection, instance } = await openDuck({ threads: 2, memoryMb, temporary: folder })
  try {
    for (const [i, file] of listed.entries()) {
      const stored = await objects.get(file.key)
      if (stored !== undefined) {
        const path = join(folder, `${i}.parquet`)
        await writeFile(path, stored.bytes)
        await look(connection, file, path)
        await rm(path, { force: true })
      }
      onFile(i + 1, listed.length)
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  }
}
