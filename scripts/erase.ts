/**
 * `npx tidemark erase --entity user --key user_id=u1`: a person's right to be forgotten. Shards first, then the log, then the proof. Exit codes: 0 gone and
 * proved, 1 it failed or was not wanted after all (run it again: it goes on), 2 the command line is wrong, 3 something is left.
 */
import { writeFileSync } from 'node:fs'
import { isRefusal, keyFromJson } from '../src/contract/index.ts'
import { findPerson, keySha256, type Person } from '../src/offline/node/index.ts'
import { Plan } from '../src/plan/index.ts'
import { didYouMean } from '../src/util/did-you-mean.ts'
import { lettersOf } from './erase/letters.ts'
import { type Options, parseOptions } from './erase/options.ts'
import { type ErasedRegion, eraseRegion } from './erase/region.ts'
import { regionText } from './erase/render.ts'
import { confirmed } from './lib/confirmed.ts'
import { loadDefinitions } from './lib/definitions-file.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { type LogPlace, openPlace } from './log/place.ts'
import { grouped, Progress } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, left: 3 } as const

try {
  process.exitCode = await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark erase: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options): Promise<number> {
  const plan = new Plan(await loadDefinitions(options.definitions))
  const key = keyOf(plan, options)
  const startedAt = new Date().toISOString()
  const regions: ErasedRegion[] = []
  const readers = new Set<string>()
  const all = new Map<string, Person['keys'][number]>()
  for (const address of options.at) {
    const place = openPlace(address, options.memoryMb)
    try {
      const isLogged = await keepsLog(place)
      // What waits in the shards may name keys of other entities that are made of this one.
      if (isLogged) await place.client.ask('POST', '/v1/log/flush')
      const person = await findPerson(
        place.upkeep,
        plan,
        { entity: options.entity, key },
        options.blank,
        progressOf(options)('files looked through'),
      )
      if (!options.yes && !(await confirmed(await questionOf(place, person), 'erase'))) {
        console.error('Nothing was erased here.')
        return EXIT.failed
      }
      const region = await eraseRegion(place, person, isLogged, progressOf(options))
      for (const one of person.keys) all.set(`${one.entity} ${one.key}`, one)
      for (const reader of person.readers) readers.add(reader)
      regions.push(region)
      if (!options.json) console.log(regionText(region, options.keep, paint(process.stdout)))
    } finally {
      place.close()
    }
  }
  const isProved = regions.every((region) => isGone(region, options.keep))
  const sum = keySha256(key)
  const certificate = {
    format: 1,
    entity: options.entity,
    keySha256: sum,
    alsoErased: [...all.values()].slice(1).map((one) => ({ entity: one.entity, keySha256: keySha256(one.key) })),
    startedAt,
    finishedAt: new Date().toISOString(),
    isProved,
    keptByChance: options.keep,
    viewsThatReadIt: [...readers].sort(),
    regions,
  }
  const out = options.out ?? `erasure-${sum.slice(0, 12)}.json`
  writeFileSync(out, `${JSON.stringify(certificate, null, 2)}\n`)
  if (options.json) console.log(JSON.stringify({ out, ...certificate }))
  else {
    console.log(
      `${isProved ? 'Gone, and proved' : 'Not proved: something is left'}. The certificate, without the key: ${out}`,
    )
    console.log(
      `Each region is told by itself: ${regions.map(({ region }) => region).join(', ')} ${regions.length === 1 ? 'was' : 'were'}; others with --url.`,
    )
  }
  return isProved ? 0 : EXIT.left
}

function isGone({ proof, lettersLeft }: ErasedRegion, keep: readonly string[]): boolean {
  if (lettersLeft > 0) return false
  return proof === null || (proof.found === 0 && Object.keys(proof.elsewhere).every((column) => keep.includes(column)))
}

function keyOf(plan: Plan, { entity, keys }: Options): string {
  const runtime = plan.entities.get(entity)
  if (runtime === undefined)
    throw new UsageError(`there is no entity ${entity}.${didYouMean(entity, [...plan.entities.keys()])}`)
  const typed = Object.fromEntries(
    Object.entries(keys).map(([name, text]) => {
      const isBool = runtime.spec.keys.some((one) => one.name === name && one.type === 'bool')
      return [name, isBool ? text === 'true' : text]
    }),
  )
  const key = keyFromJson(typed, runtime.spec)
  if (isRefusal(key)) throw new UsageError(`--key: ${key.message}`)
  return key.key
}

/** Whether a region has a log, and this token may write it. */
async function keepsLog({ client }: LogPlace): Promise<boolean> {
  try {
    await client.ask('GET', '/v1/log')
    return true
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('404:')) return false
    throw error
  }
}

async function questionOf({ client, url }: LogPlace, person: Person): Promise<string> {
  const letters = await lettersOf(client, person)
  const [first, ...more] = person.keys
  const also = more.slice(0, 5).map(({ entity, key }) => `  ${entity} ${key}`)
  const lines = [
    `${first?.entity} ${first?.key} at ${url}: state, log, served vectors${letters.length > 0 ? `, ${grouped(letters.length)} dead letters` : ''}.`,
    ...(more.length > 0
      ? [
          `With it ${grouped(more.length)} of other entities, whose keys are made of it:`,
          ...also,
          ...(more.length > 5 ? ['  ...'] : []),
        ]
      : []),
    ...(person.readers.length > 0
      ? [
          `Computed from what is blanked, also of others: ${person.readers.join(', ')}. Training sets have less of it then than what was served.`,
        ]
      : []),
    'Erase? It cannot be got back. [y/N] ',
  ]
  return lines.join('\n')
}

function progressOf({ json }: Options): (what: string) => (done: number, of: number) => void {
  return (what) => {
    let bar: Progress | undefined
    return (done, of) => {
      if (json || (bar === undefined && done === of)) return
      bar ??= new Progress(process.stderr, of, () => performance.now(), what)
      bar.update(done)
    }
  }
}
