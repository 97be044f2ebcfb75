import { canonicalJson } from '../util/canonical-json.ts'
import { murmur128Hex } from '../util/murmur3.ts'
import type { Plan } from './plan.ts'
import type { Region } from './region.ts'
import type { Routing } from './routing.ts'

/**
 * Names what a deployment is made of besides its code: the definitions as they are compiled, the regions and the routing. A shard
 * that answers with it knows all three.
 */
export const deploymentHash = ({ hash }: Plan, regions: readonly Region[], routing: Routing = {}): string =>
  murmur128Hex(canonicalJson({ plan: hash, regions, routing }))
