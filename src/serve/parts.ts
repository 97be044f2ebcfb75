import {
  addressText,
  type Copy,
  type CopyAddress,
  type Found,
  type Head,
  headAddress,
  isCopy,
  readHead,
} from '../online/index.ts'
import type { Plan } from '../plan/index.ts'
import { type CopiesAnswer, MESSAGE_VERSION, type ShardUnavailable } from '../shard/index.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import { settled } from './breaker.ts'
import { hasSeen, type Part, type PartRequest, partOfShard, partOfStore } from './part.ts'
import { newer } from './part-cache.ts'
import type { NearStore, Reach } from './reach.ts'

/** A copy from further in the future than this was made by a clock that is wrong: how old it is cannot be told. */
const CLOCK_MS = 5_000

/** One part that is looked for, and the best that was found so far. */
interface Search {
  readonly request: PartRequest
  readonly address: CopyAddress
  readonly text: string
  best: Part | undefined
  /** Fresh enough, or all that can be had. */
  isDone: boolean
  /** The shard itself does not know the commit that was asked for; it is at this one. */
  notYet: number | null
  /** What the shard has of it cannot be read. */
  isDamaged: boolean
}

/** What became of a search: a part, nothing, or the commit that its shard is at while a later one was asked for. */
export type FoundPart = Part | undefined | { readonly notYet: number } | { readonly damaged: true }

/**
 * Reads parts, each from the nearest tier that is fresh enough: the isolate's own copies, a near store, the shard. Where a shard
 * does not answer, what is older is given, and its age is told. Never throws.
 */
export async function readParts(
  plan: Plan,
  reach: Reach,
  requests: readonly PartRequest[],
  maxStalenessMs: number,
): Promise<FoundPart[]> {
  const nowMs = reach.now()
  const searches = requests.map((request) => searchOf(request))
  const oldestMs = nowMs - maxStalenessMs
  // Through the shards is through the shards: what this isolate has may be of this very millisecond, and still lack something.
  const fromMs = maxStalenessMs === 0 ? Number.POSITIVE_INFINITY : oldestMs
  for (const search of searches) consider(search, reach.cache?.get(search.text), fromMs, 'isolate')
  const open = () => searches.filter(({ isDone, notYet, isDamaged }) => !isDone && notYet === null && !isDamaged)
  const asked = maxStalenessMs > 0 ? await askStores(reach, reach.nearStores, open(), oldestMs, nowMs, false) : 0
  await askShards(plan, reach, open())
  // What no shard has answered for: better something old than nothing, as long as its age is told. A near store that was not asked
  // yet comes before what this isolate has: that learns nothing by itself, and would give the same older and older copy for ever.
  const lost = asked > 0 ? open().filter(lacks) : open()
  await askStores(reach, reach.nearStores.slice(asked), lost, Number.NEGATIVE_INFINITY, nowMs, true)
  await askStores(reach, reach.farStores, open().filter(lacks), Number.NEGATIVE_INFINITY, nowMs, true)
  return searches.map((search) => {
    const { best, notYet, isDamaged, request } = search
    if (isDamaged) return { damaged: true }
    if (notYet !== null) return { notYet }
    // A part that is absent has not seen it either: no value is better than one without it.
    return request.after !== undefined && lacks(search) ? { notYet: best?.seq ?? 0 } : best
  })
}

/** Nothing was found, or nothing that has seen what it must. */
const lacks = ({ best, request }: Search): boolean => best === undefined || !hasSeen(best, request)

function searchOf(request: PartRequest): Search {
  const { entity, key, slice, region } = request
  const address = { kind: 'entity', entity: entity.spec.name, region: region.region, place: slice, key } as const
  return {
    request,
    address,
    text: addressText(address),
    best: undefined,
    isDone: false,
    notYet: null,
    isDamaged: false,
  }
}

/** Takes a part that was found when it is better than what there is; done when it is fresh enough. */
function consider(search: Search, part: Part | undefined, oldestMs: number, tier: Part['tier']): void {
  if (part === undefined) return
  const told = part.tier === tier ? part : { ...part, tier }
  search.best = search.best === undefined ? told : newer(search.best, told)
  search.isDone = search.best.asOfMs >= oldestMs && search.best.history !== null && hasSeen(search.best, search.request)
}

/**
 * Asks stores, one after the other, until one has answered; of what is lost each next one as well, for what the others had not.
 * How many were tried.
 */
async function askStores(
  reach: Reach,
  stores: readonly NearStore[],
  searches: readonly Search[],
  oldestMs: number,
  nowMs: number,
  isLost: boolean,
): Promise<number> {
  let wanted = searches
  for (const [tried, near] of stores.entries()) {
    const open = wanted.filter(({ isDone }) => !isDone)
    if (open.length === 0) return tried
    const { store, breaker } = near
    const heads = headsOf(open)
    const headAddresses = [...heads.values()].map(({ address }) => address)
    const addresses = open.map(({ address }) => address)
    const found = await breaker.run(() => getAll(store, headAddresses, addresses))
    if (found === undefined) continue
    ;[...heads.values()].forEach((entry, i) => {
      entry.head = headIn(reach, near, found[i], nowMs)
    })
    open.forEach((search, i) => {
      const there = found[heads.size + i]
      const copy = copyIn(reach, near, there, nowMs)
      // What is passed over is not nothing: only the shard knows what should be there.
      if (there !== undefined && copy === undefined) return
      const head = heads.get(headText(search.request))?.head
      const part = readPart(reach, near, search.request, copy, head, nowMs)
      if (part === undefined) return
      const kept = reach.cache?.put(search.text, part) ?? part
      consider(search, kept, oldestMs, kept === part ? 'store' : 'isolate')
    })
    // A store that answers knows what stores know, unless it was emptied: what is too old there is asked of the shard.
    if (!isLost) return tried + 1
    wanted = wanted.filter(lacks)
  }
  return stores.length
}

/** Heads first, or all at one moment: a copy is then at least as new as its head says. */
async function getAll(
  store: NearStore['store'],
  heads: readonly CopyAddress[],
  copies: readonly CopyAddress[],
): Promise<Found[]> {
  const isAtOnce = heads.length + copies.length <= Math.min(store.flags.atomicGets, store.flags.maxGets)
  if (isAtOnce) return [...(await store.get([...heads, ...copies]))]
  const found: Found[] = []
  for (const addresses of [heads, copies]) {
    for (let at = 0; at < addresses.length; at += store.flags.maxGets)
      found.push(...(await store.get(addresses.slice(at, at + store.flags.maxGets))))
  }
  return found
}

const headText = (request: PartRequest): string => addressText(headOf(request))

const headOf = ({ entity, region, shard }: PartRequest): CopyAddress =>
  headAddress({ entity: entity.spec.name, region: region.region, shard })

function headsOf(searches: readonly Search[]) {
  const heads = new Map<string, { readonly address: CopyAddress; head: Head | undefined }>()
  for (const { request } of searches) heads.set(headText(request), { address: headOf(request), head: undefined })
  return heads
}

function copyIn({ report }: Reach, { name }: NearStore, found: Found, nowMs: number): Copy | undefined {
  if (found === undefined) return undefined
  if (!isCopy(found)) {
    report?.(`online store ${name}: ${found.passedOver}`)
    return undefined
  }
  if (found.atMs <= nowMs + CLOCK_MS) return found
  report?.(
    `online store ${name}: ${addressText(found.address)} is of ${new Date(found.atMs).toISOString()}, which is yet to come: the clock of ${found.address.region} is wrong`,
  )
  return undefined
}

function headIn(reach: Reach, near: NearStore, found: Found, nowMs: number): Head | undefined {
  const copy = copyIn(reach, near, found, nowMs)
  if (copy === undefined) return undefined
  const head = readHead(copy)
  if (head === undefined)
    reach.report?.(
      `online store ${near.name}: ${addressText(copy.address)} is of a format that this code does not read`,
    )
  return head
}

function readPart(
  { report }: Reach,
  { name, store }: NearStore,
  request: PartRequest,
  copy: Copy | undefined,
  head: Head | undefined,
  nowMs: number,
): Part | undefined {
  try {
    const part = partOfStore(request, copy, head, store.flags.staleMs)
    // A clock that is a little ahead makes nothing younger than now.
    return part && { ...part, asOfMs: Math.min(part.asOfMs, nowMs) }
  } catch (error) {
    if (!(error instanceof CorruptBytes)) throw error
    report?.(`online store ${name}: the copy of ${request.entity.spec.name} cannot be read: ${error.message}`)
    return undefined
  }
}

type Answer = CopiesAnswer | ShardUnavailable | undefined

/** Asks each shard once for all that is still open; those of one region go together. */
async function askShards(plan: Plan, reach: Reach, searches: readonly Search[]): Promise<void> {
  const byRegion = groupBy(searches, ({ request }) => request.region.region)
  await Promise.all(
    [...byRegion].map(async ([region, own]) => {
      const shards = groupBy(own, ({ request, address }) => `${address.entity}/${request.shard}`)
      const calls = [...shards.values()].flatMap(cut)
      const askedMs = reach.now()
      const asks = calls.map((call) => () => askShard(plan, call))
      const breaker = reach.breakers?.get(region)
      const answers = await (breaker ? breaker.runAll(asks) : settled(asks.map((ask) => ask())))
      calls.forEach((call, i) => {
        take(reach, call, answers[i], askedMs)
      })
    }),
  )
}

/** Entities of one call: what a shard answers is in memory, here and there. */
const MOST_KEYS = 250

function cut(searches: readonly Search[]): Search[][] {
  const count = Math.ceil(searches.length / MOST_KEYS)
  return Array.from({ length: count }, (_, i) => searches.slice(i * MOST_KEYS, (i + 1) * MOST_KEYS))
}

function groupBy(searches: readonly Search[], nameOf: (search: Search) => string): Map<string, Search[]> {
  const groups = new Map<string, Search[]>()
  for (const search of searches) {
    const name = nameOf(search)
    const group = groups.get(name)
    if (group) group.push(search)
    else groups.set(name, [search])
  }
  return groups
}

async function askShard(plan: Plan, searches: readonly Search[]): Promise<Answer> {
  const { region, entity, shard } = (searches[0] as Search).request
  const keys = searches.map(({ request }) => request.key)
  return await region.shard(entity.spec.name, shard).copies({ version: MESSAGE_VERSION, plan: plan.hash, keys })
}

/** `askedMs`: everything that was accepted before then is in the answer. */
function take(reach: Reach, searches: readonly Search[], answer: Answer, askedMs: number): void {
  if (answer === undefined || 'unavailable' in answer || 'notYet' in answer) return
  searches.forEach((search, i) => {
    const bytes = answer.entities[i] ?? null
    // The others of the read are well.
    if (bytes?.state === null) {
      search.isDamaged = true
      return
    }
    const part = partOfShard(search.request, bytes, answer, askedMs)
    const kept = reach.cache?.put(search.text, part) ?? part
    consider(search, kept, Number.NEGATIVE_INFINITY, 'shard')
    if (!hasSeen(part, search.request)) search.notYet = part.seq
  })
}
