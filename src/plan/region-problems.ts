import { logBucket } from './log.ts'
import type { LogSpec, Region, StoreSpec } from './region.ts'
import { STORE_KINDS } from './region.ts'

const NAME = /^[a-z][a-z0-9-]*$/
/** The longest name that fits Cloudflare's names of Workers behind `tidemark-inference-`. */
const MAX_NAME = 40
const MAX_ID = 65_535
/** As Cloudflare takes names of buckets. */
const BUCKET = /^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$/
/** As Cloudflare gives namespaces of KV. */
const NAMESPACE_ID = /^[0-9a-f]{32}$/
/** Where Cloudflare makes Durable Objects. */
export const LOCATIONS = [
  'wnam',
  'enam',
  'sam',
  'weur',
  'eeur',
  'apac',
  'apac-ne',
  'apac-se',
  'oc',
  'afr',
  'me',
] as const

/**
 * What is wrong with the regions themselves, a sentence each with the way to mend it; empty when nothing is. Their epochs are
 * looked at by `epochProblems`, their routing by `routingProblems`.
 */
export function regionProblems(regions: readonly Region[]): string[] {
  if (regions.length === 0) return ['regions.ts declares no region: a deploy needs at least one.']
  return [
    ...twice(regions.map(({ name }) => name)).map((name) => `two regions are called "${name}": names are unique.`),
    ...twice(regions.map(({ id }) => id)).map(
      (id) => `two regions have the id ${id}: it tells whose a stored part is, and is never given twice.`,
    ),
    ...regions.flatMap((region) => own(region).map((why) => `region ${region.name}: ${why}`)),
  ]
}

function own(region: Region): string[] {
  const { name, id, location, environment, stores = [], log } = region
  const problems: string[] = []
  if (!NAME.test(name) || name.length > MAX_NAME)
    problems.push(`a name is of lower case letters, digits and dashes, at most ${MAX_NAME}, and begins with a letter.`)
  if (!Number.isInteger(id) || id < 1 || id > MAX_ID)
    problems.push(`id is ${id}; it is a whole number from 1 to ${MAX_ID}.`)
  if (environment !== undefined && !NAME.test(environment))
    problems.push(`environment "${environment}" is no name: lower case letters, digits and dashes.`)
  if (location !== undefined && !LOCATIONS.some((one) => one === location))
    problems.push(`location "${location}" is none of Cloudflare's: ${LOCATIONS.join(', ')}.`)
  if (log !== undefined) problems.push(...logProblems(log, logBucket(region)).map((why) => `log: ${why}`))
  problems.push(...twice(stores.map((store) => store.name)).map((store) => `two stores are called "${store}".`))
  return [...problems, ...stores.flatMap((store) => storeProblems(store).map((why) => `store ${store.name}: ${why}`))]
}

function logProblems({ flushMs, servedShare }: LogSpec, bucket = ''): string[] {
  const problems: string[] = []
  if (!BUCKET.test(bucket))
    problems.push(
      `bucket "${bucket}" is no name of a bucket: 3 to 63 lower case letters, digits and dashes, no dash at an end.`,
    )
  if (flushMs !== undefined && (!Number.isSafeInteger(flushMs) || flushMs < 1000))
    problems.push(
      `flushMs is ${flushMs}; it is a whole number of milliseconds from 1000: R2 takes one write a second of a manifest.`,
    )
  if (servedShare !== undefined && !(servedShare >= 0 && servedShare <= 1))
    problems.push(`servedShare is ${servedShare}; it is a share from 0 to 1.`)
  return problems
}

function storeProblems({ name, kind, id, flushMs, heartbeatMs }: StoreSpec): string[] {
  const problems: string[] = []
  if (!NAME.test(name)) problems.push('a name is of lower case letters, digits and dashes, and begins with a letter.')
  if (!STORE_KINDS.includes(kind)) problems.push(`kind "${kind}" is none of ${STORE_KINDS.join(', ')}.`)
  if (kind === 'kv' && !NAMESPACE_ID.test(id ?? ''))
    problems.push(
      id === undefined
        ? 'its id is missing: npx wrangler kv namespace create NAME prints it.'
        : `id "${id}" is no id of a namespace: 32 digits of hexadecimal.`,
    )
  if (kind !== 'kv' && id !== undefined)
    problems.push(`only a store of kind kv has an id; the address of this one is in the secret CONNECTIONS.`)
  for (const [field, ms] of Object.entries({ flushMs, heartbeatMs })) {
    if (ms !== undefined && (!Number.isSafeInteger(ms) || ms <= 0))
      problems.push(`${field} is ${ms}; it is a whole number of milliseconds above 0.`)
  }
  return problems
}

const twice = <T>(of: readonly T[]): T[] => [...new Set(of.filter((one, i) => of.indexOf(one) !== i))]
