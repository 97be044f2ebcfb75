import type { EntityRuntime } from '../plan/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur128Hex } from '../util/murmur3.ts'
import { COPY_FORMAT } from './copy-text.ts'

const prints = new WeakMap<EntityRuntime, string>()

/** Changes when copies of the same entity would be other copies: with the definitions of its views, and with the format. */
export function printOf(entity: EntityRuntime): string {
  let print = prints.get(entity)
  if (print === undefined) {
    const views = entity.plan.map(({ spec: { description: _, features, ...view } }) => ({
      ...view,
      features: features.map(({ description: __, ...feature }) => feature),
    }))
    print = murmur128Hex(canonicalJson({ COPY_FORMAT, views }))
    prints.set(entity, print)
  }
  return print
}
