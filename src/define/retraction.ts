import type { Computation, FeatureSpec } from '../engine/index.ts'
import { DefinitionError } from './definition-error.ts'
import { type WindowChoice, windowText } from './windows.ts'

/**
 * A table's rows are changed and deleted, so every feature over one must be able to take a row back: what tiles keep must
 * have an inverse, or all its rows must be kept. Throws when neither is so.
 */
export function checkRetraction(
  where: string,
  spec: FeatureSpec,
  { accumulators }: Computation,
  choice: WindowChoice,
): void {
  if (spec.window.tailLimit !== undefined) return
  // What is asked of a column is whether it has the method; which field it would read does not matter.
  const isInvertible = accumulators.every((accumulator) => accumulator.create(() => 0).retract !== undefined)
  const reason = reasonOf(spec, isInvertible)
  if (reason === undefined) return
  const example = windowText(choice, { tail: 'exact', limit: 1000 })
  const problem = `over a table, whose rows are changed and deleted, ${reason} needs tail: 'exact'`
  throw new DefinitionError('not_retractable', where, `${problem}: write .over(${example}).`)
}

function reasonOf({ aggregate, window, groupBy }: FeatureSpec, isInvertible: boolean): string | undefined {
  if (window.kind === 'session') return 'a session'
  if (window.kind === 'lastN') return 'lastN(n)'
  if (groupBy !== undefined) return '.by()'
  return isInvertible ? undefined : `${aggregate}()`
}
