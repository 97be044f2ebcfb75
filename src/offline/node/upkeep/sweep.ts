import { type ListedObject, manifestPrefix, type ObjectStore, shardOfKey } from '../../index.ts'
import { readManifests } from './bucket.ts'

const GRACE_MS = 3_600_000
const LOOK_AGAIN_MS = 2_000

export interface SweepOptions {
  readonly objects: ObjectStore
  readonly now: () => number
  /** Younger files are left: a shard may be about to name them. Default 1 hour. */
  readonly graceMs?: number
  /** Passes between the two looks. */
  readonly pause?: (ms: number) => Promise<void>
  /** Only says what would go. */
  readonly isDry?: boolean
}

export interface Swept {
  readonly deleted: readonly ListedObject[]
  /** Not named, and younger than the grace, or of an age that the store does not tell. */
  readonly young: number
  /** Below log/ and no file of a log: left. */
  readonly foreign: readonly string[]
}

/** Deletes files below `log/` that no manifest names. Looks twice: what is named in between stays. */
export async function sweep(options: SweepOptions): Promise<Swept> {
  const { objects, now, graceMs = GRACE_MS, isDry = false } = options
  const pause = options.pause ?? ((ms) => new Promise<void>((next) => setTimeout(next, ms)))
  const listed = (await objects.list('log/')).filter(({ key }) => !key.startsWith(manifestPrefix))
  // The list first: what is put after it is not looked at.
  const names = await namesOf(objects)
  const ours = listed.filter(({ key }) => shardOfKey(key) !== undefined)
  const foreign = listed.filter(({ key }) => shardOfKey(key) === undefined).map(({ key }) => key)
  const unnamed = ours.filter(({ key }) => !names.has(key))
  const untilMs = now() - graceMs
  const old = unnamed.filter(({ modifiedMs }) => modifiedMs !== undefined && modifiedMs > 0 && modifiedMs <= untilMs)
  const young = unnamed.length - old.length
  if (old.length === 0 || isDry) return { deleted: isDry ? old : [], young, foreign }
  await pause(LOOK_AGAIN_MS)
  const again = await namesOf(objects)
  const deleted = old.filter(({ key }) => !again.has(key))
  await objects.delete(deleted.map(({ key }) => key))
  return { deleted, young, foreign }
}

async function namesOf(objects: ObjectStore): Promise<ReadonlySet<string>> {
  return new Set((await readManifests(objects)).flatMap(({ segments }) => segments.map(({ key }) => key)))
}
