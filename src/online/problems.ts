import { kvBinding, type Region, type StoreSpec, storeName } from '../plan/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import type { StoreConnection } from './store.ts'

/** What a name of a store may be: part of a binding's name, and of the secret's. */
const NAME = /^[a-z][a-z0-9-]{0,30}$/
/** More often buys nothing: a reader sees a put up to a minute later, and each is paid for. */
const LEAST_KV_FLUSH_MS = 1_000
const LEAST_FLUSH_MS = 10
const LEAST_HEARTBEAT_MS = 500
const LOCAL = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * What is wrong with the stores of an environment, each in a sentence that says where and how to mend it; empty when they can be
 * deployed. Nothing is asked of the stores themselves, and no address or token is shown.
 *
 * @param regions those of one environment
 * @param connections `stores` of the secret CONNECTIONS
 */
export function storeProblems(
  regions: readonly Region[],
  connections: Readonly<Record<string, StoreConnection>>,
): readonly string[] {
  const places = regions.flatMap((region) => (region.stores ?? []).map((spec) => ({ region: region.name, spec })))
  const names = places.map(({ region, spec }) => storeName(region, spec))
  const bindings = places.filter(({ spec }) => spec.kind === 'kv').map(({ region, spec }) => kvBinding(region, spec))
  const connected = places.filter(({ spec }) => spec.kind !== 'kv').map(({ region, spec }) => storeName(region, spec))
  return [
    ...repeated(names).map((name) => `regions.ts names the store ${name} twice: give one of them another name.`),
    ...repeated(bindings).map((name) => `Two stores of regions.ts would be bound as ${name}: give one another name.`),
    ...places.flatMap(({ region, spec }) => specProblems(region, spec)),
    ...places.flatMap(({ region, spec }) => connectionProblems(region, spec, connections)),
    ...Object.keys(connections)
      .filter((name) => !connected.includes(name))
      .map(
        (name) =>
          `The secret CONNECTIONS, stores["${name}"], is for no store of regions.ts.${didYouMean(name, connected)}`,
      ),
  ]
}

function specProblems(region: string, spec: StoreSpec): string[] {
  const name = storeName(region, spec)
  const problems: string[] = []
  if (!NAME.test(spec.name))
    problems.push(`The store ${name} of regions.ts: a name is lower case letters, digits and dashes, at most 31.`)
  for (const field of ['flushMs', 'heartbeatMs'] as const) {
    const ms = spec[field]
    const least = field === 'flushMs' ? LEAST_FLUSH_MS : LEAST_HEARTBEAT_MS
    if (ms !== undefined && !(Number.isFinite(ms) && ms >= least))
      problems.push(`The store ${name} of regions.ts: ${field} is ${ms}; write milliseconds, at least ${least}.`)
  }
  if (spec.kind === 'kv' && (spec.flushMs ?? LEAST_KV_FLUSH_MS) < LEAST_KV_FLUSH_MS)
    problems.push(`The store ${name} of regions.ts: KV takes a write a second and key; flushMs is at least 1000.`)
  if (spec.kind === 'kv' && spec.id === undefined)
    problems.push(
      `The store ${name} of regions.ts has no id: npx wrangler kv namespace create ${kvBinding(region, spec)} prints one.`,
    )
  if (spec.kind !== 'kv' && spec.id !== undefined)
    problems.push(
      `The store ${name} of regions.ts has an id: only kv has one; its address is in the secret CONNECTIONS.`,
    )
  return problems
}

function connectionProblems(
  region: string,
  spec: StoreSpec,
  connections: Readonly<Record<string, StoreConnection>>,
): string[] {
  if (spec.kind === 'kv') return []
  const name = storeName(region, spec)
  const connection = Object.hasOwn(connections, name) ? connections[name] : undefined
  if (connection === undefined) return [missingConnection(region, spec)]
  const { protocol, hostname } = new URL(connection.url)
  const isLocal = LOCAL.test(hostname)
  const at = `The secret CONNECTIONS, stores["${name}"],`
  return [
    ...(protocol === 'http:' && !isLocal
      ? [`${at} has an http address: tokens and values would be open. Use https.`]
      : []),
    ...(connection.token === undefined && (spec.kind === 'redis' || !isLocal) ? [`${at} has no token.`] : []),
  ]
}

/** What to do when the secret does not say where a store is. */
export const missingConnection = (region: string, spec: StoreSpec): string =>
  `The secret CONNECTIONS has no connection of the store ${storeName(region, spec)} (${spec.kind}): add ` +
  `"stores": {"${storeName(region, spec)}": {"url": "https://...", "token": "..."}}.`

const repeated = (names: readonly string[]): string[] => [
  ...new Set(names.filter((name, i) => names.indexOf(name) !== i)),
]
