import { canonicalJson } from '../util/canonical-json.ts'
import { murmur32 } from '../util/murmur3.ts'
import { keyNames } from './inputs.ts'
import type { LevelPlan, ViewPlan } from './plan.ts'

const layouts = new WeakMap<ViewPlan, number>()

/** Names what the bytes of a view depend on: its fields, accumulators, tracks and tail. Equal layouts read each other's bytes. */
export function layoutOf(plan: ViewPlan): number {
  let layout = layouts.get(plan)
  if (layout === undefined) {
    const cut = plan.tracks.filter(({ cutter }) => cutter !== null)
    const plain = plan.tracks.filter(({ cutter }) => cutter === null)
    layout = murmur32(
      canonicalJson({
        view: identityOf(plan),
        fields: plan.fields,
        accumulators: plan.accumulators.map((a) => a.identity),
        levels: plain.flatMap((track) => track.levels).map(levelShape),
        // Named only where there are any: a view without them has the name that it had before there could be.
        ...(cut.length > 0 && {
          cut: cut.map(({ cutter, levels }) => ({ by: cutter?.identity ?? '', levels: levels.map(levelShape) })),
        }),
        ...(plan.tail !== null && { tail: 1 }),
      }),
    )
    layouts.set(plan, layout)
  }
  return layout
}

const levelShape = ({ widthMs, accumulators }: LevelPlan) => ({ width: String(widthMs), keeps: accumulators })

/** A view of other sources, other keys or another join is another view, also under the same name: nothing of its state fits. */
export function identityOf({ spec, types }: ViewPlan): string {
  const typeOf = (name: string) => types.get(name) ?? null
  const changes = spec.changes ? ['changes'] : []
  if (spec.inputs === undefined) {
    return canonicalJson([spec.name, spec.source, spec.key, Object.values(spec.key).map(typeOf), ...changes])
  }
  const { maxPairs: _, ...join } = spec.join ?? {}
  return canonicalJson([spec.name, spec.inputs, keyNames(spec).map(typeOf), join, ...changes])
}
