import { createHash } from 'node:crypto'
import { SERVED_PREFIX, type ServedVector } from '../../served/index.ts'
import type { Upkeep } from './bucket.ts'
import type { Person } from './erase-log.ts'

export interface ErasedServed {
  readonly objectsRewritten: number
  readonly lines: number
}

/** Rewrites away served vectors of a person, and what reports of parity tell of them. */
export async function eraseServed({ objects }: Upkeep, person: Person, atMs: number): Promise<ErasedServed> {
  const sum = { objectsRewritten: 0, lines: 0 }
  for (const { key } of [...(await objects.list(SERVED_PREFIX)), ...(await objects.list('parity/'))]) {
    const stored = await objects.get(key)
    if (stored === undefined) continue
    const { kept, theirs } = partsOf(key, stored.bytes, person, atMs)
    if (theirs === 0) continue
    if (kept !== null) {
      const bytes = new TextEncoder().encode(kept)
      await objects.put(renamed(key, bytes), bytes)
    }
    // Only then the old one: ended in between, both are there and this goes on with the old one.
    await objects.delete([key])
    sum.objectsRewritten++
    sum.lines += theirs
  }
  return sum
}

/** How many lines an object has, and how many of them are the person's. */
export function countLines(
  key: string,
  bytes: Uint8Array,
  person: Person,
  atMs: number,
): { readonly lines: number; readonly theirs: number } {
  const { lines, theirs } = partsOf(key, bytes, person, atMs)
  return { lines, theirs }
}

interface Parts {
  readonly lines: number
  readonly theirs: number
  /** What stays; null where nothing does. */
  readonly kept: string | null
}

function partsOf(key: string, bytes: Uint8Array, person: Person, atMs: number): Parts {
  const text = new TextDecoder().decode(bytes)
  return key.endsWith('.ndjson') ? linesOf(text, person, atMs) : reportOf(text, person)
}

function linesOf(text: string, person: Person, atMs: number): Parts {
  const all = text.split('\n').filter((line) => line !== '')
  const kept = all.filter((line) => !isTheirs(line, person, atMs))
  return {
    lines: all.length,
    theirs: all.length - kept.length,
    kept: kept.length === 0 ? null : `${kept.join('\n')}\n`,
  }
}

/** A line that is damaged is nobody's sample: it goes where the key is in it. */
function isTheirs(line: string, person: Person, atMs: number): boolean {
  let vector: Partial<ServedVector>
  try {
    vector = JSON.parse(line) as Partial<ServedVector>
  } catch {
    return person.keys.some(({ key }) => line.includes(JSON.stringify(key)))
  }
  const served = Date.parse(vector.served ?? '')
  // What was served since is of who came back.
  return !(served > atMs) && hasKey(vector.keys, person)
}

const hasKey = (keys: Readonly<Record<string, string>> | undefined, person: Person): boolean =>
  person.keys.some(({ entity, key }) => keys?.[entity] === key)

function reportOf(text: string, person: Person): Parts {
  type Report = { readonly mismatches?: readonly { readonly keys?: Readonly<Record<string, string>> }[] }
  let report: Report
  try {
    report = JSON.parse(text) as Report
  } catch {
    return { lines: 1, theirs: 0, kept: text }
  }
  const { mismatches = [] } = report
  const kept = mismatches.filter(({ keys }) => !hasKey(keys, person))
  const theirs = mismatches.length - kept.length
  return { lines: 1, theirs, kept: theirs === 0 ? text : `${JSON.stringify({ ...report, mismatches: kept })}\n` }
}

/** Told from the old one by what is in it; its day and time stay, for readers go by them. */
function renamed(key: string, bytes: Uint8Array): string {
  const print = createHash('sha256').update(bytes).digest('hex').slice(0, 8)
  return key.replace(/\.(ndjson|json)$/, `-${print}.$1`)
}
