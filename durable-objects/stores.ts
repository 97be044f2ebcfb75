import { brokenStore, missingConnection, type OnlineStore, type StoreConnection } from '../src/online/index.ts'
import {
  copyEpochsOf,
  environmentAround,
  kvBinding,
  type Region,
  regionNamed,
  type StoreSpec,
  storeName,
} from '../src/plan/index.ts'
import { parseConnections } from '../src/source/index.ts'
import type { App } from './app.ts'

/** What a Worker that reads or publishes copies is bound to. */
export interface StoreBindings {
  /** The region that it is deployed with. */
  readonly REGION: string
  /** JSON: where the online stores are. */
  readonly CONNECTIONS?: string
}

/** One online store of the environment. */
export interface OpenStore {
  /** `REGION/NAME`. */
  readonly name: string
  readonly region: string
  readonly spec: StoreSpec
  readonly store: OnlineStore
  /** Why it cannot be had, with what to do: then it fails at everything, and says this. */
  readonly problem?: string
}

/** By app: what was opened of it, for one secret. An isolate has one region and one secret, tests have several. */
const opened = new WeakMap<App, Map<string, readonly OpenStore[]>>()
const KEPT_SECRETS = 8

/**
 * The online stores of every region of the environment, in the order of regions.ts, opened once in an isolate (a rotated secret
 * comes with a new one). Throws only when the secret itself cannot be read: a store that cannot be had is one that fails.
 *
 * @param env the Worker's bindings: the secret, and KV namespaces by `kvBinding`
 * @example for (const { name, store } of storesOf(app, env)) await store.put(copies)
 */
export function storesOf(app: App, env: StoreBindings): readonly OpenStore[] {
  const known = opened.get(app) ?? new Map<string, readonly OpenStore[]>()
  opened.set(app, known)
  const secret = `${env.REGION}\n${env.CONNECTIONS ?? ''}`
  let stores = known.get(secret)
  if (stores === undefined) {
    stores = open(app, env)
    if (known.size >= KEPT_SECRETS) known.clear()
    known.set(secret, stores)
  }
  return stores
}

function open(app: App, env: StoreBindings): readonly OpenStore[] {
  const around = environmentAround(app.regions, regionNamed(app.regions, env.REGION))
  if (around.every(({ stores = [] }) => stores.length === 0)) return []
  const connections = parseConnections(env.CONNECTIONS).stores
  return around.flatMap((region) =>
    (region.stores ?? []).map((spec): OpenStore => {
      const about = { name: storeName(region.name, spec), region: region.name, spec }
      try {
        return { ...about, store: openOne(app, env, around, region.name, spec, connections) }
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error)
        return { ...about, store: brokenStore(spec.kind, problem), problem }
      }
    }),
  )
}

function openOne(
  app: App,
  env: object,
  around: readonly Region[],
  region: string,
  spec: StoreSpec,
  connections: Readonly<Record<string, StoreConnection>>,
): OnlineStore {
  const name = storeName(region, spec)
  const adapter = app.stores?.[spec.kind]
  if (adapter === undefined)
    throw new Error(
      `The store ${name} is of kind ${spec.kind}, and this Worker was built without it: run npm run generate, then deploy again.`,
    )
  const epochsOf = (other: string) => copyEpochsOf(regionNamed(around, other))
  const place = { region, spec, epochsOf, now: () => Date.now() }
  if (spec.kind === 'kv') {
    const namespace: unknown = Reflect.get(env, kvBinding(region, spec))
    if (namespace === undefined)
      throw new Error(
        `This Worker has no binding ${kvBinding(region, spec)} to the store ${name}: run npm run generate, then deploy again.`,
      )
    return adapter({ ...place, namespace })
  }
  const connection = connections[name]
  if (connection === undefined) throw new Error(missingConnection(region, spec))
  return adapter({ ...place, connection })
}
