import {
  environmentAround,
  pullingRegion,
  type Region,
  regionNamed,
  routingOf,
  type SourceRuntime,
} from '../src/plan/index.ts'
import { hasBegun, type PullerState, type Pulls, type ReadElsewhere } from '../src/source/index.ts'
import type { App } from './app.ts'
import { atRegion, isLinked, regionLink } from './region-link.ts'

/** Which partition an object pulls, as its name says it. */
export interface PartitionName {
  readonly region: string
  readonly source: string
  readonly topic: string
  readonly partition: number
}

/** What one region tells another of its puller of a partition. */
export type PullerGlance = Pick<PullerState, 'phase' | 'offset' | 'generation'>

/** How long another region has to answer. */
const ASK_TIMEOUT_MS = 10_000

/** What a region has to do with the partitions of a source. */
export function pullsOf({ regions, routing }: App, name: string, source: SourceRuntime): Pulls {
  const region = regionNamed(regions, name)
  const isLocal = routingOf(routing, regions, region, source) === 'local'
  if (name === pullingRegion(routing, regions, region, source)) return isLocal ? 'first' : 'home'
  return isLocal ? 'moved' : 'never'
}

/** The path at a region's door that a {@link PullerGlance} is got from. */
export const glancePath = ({ source, topic, partition }: Omit<PartitionName, 'region'>): string =>
  `/pullers/${[source, topic, String(partition)].map(encodeURIComponent).join('/')}`

/**
 * Asks every other region of the environment whether it has read a partition; not those that were not deployed yet when this one was,
 * which have read nothing. Never throws.
 */
export async function readElsewhere(
  env: object,
  regions: readonly Region[],
  at: PartitionName,
): Promise<ReadElsewhere> {
  const others = environmentAround(regions, regionNamed(regions, at.region)).filter(
    ({ name }) => name !== at.region && isLinked(env, name),
  )
  const answers = await Promise.all(others.map(({ name }) => askOne(env, name, at)))
  const read = answers.find(({ kind }) => kind === 'read')
  return read ?? answers.find(({ kind }) => kind === 'failed') ?? { kind: 'nobody' }
}

async function askOne(env: object, region: string, at: PartitionName): Promise<ReadElsewhere> {
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS)
    const response = await regionLink(env, region).fetch(atRegion(glancePath(at)), { signal })
    const text = await response.text()
    if (!response.ok) throw new Error(`it answered ${response.status}: ${text.slice(0, 300)}`)
    const glance = JSON.parse(text) as PullerGlance
    return hasBegun(glance) ? { kind: 'read', region, next: glance.offset } : { kind: 'nobody' }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return { kind: 'failed', message: `whether region ${region} has read it cannot be asked: ${why}` }
  }
}
