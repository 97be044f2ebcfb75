import { expect } from 'vitest'
import type { Finalised } from '../../../src/engine/aggregate.ts'
import type { Value } from '../../../src/engine/spec.ts'
import { type Case, isFailure } from './cases.ts'

/** Whether an estimate is within what the aggregate promises of the true value. Those without an entry are exact. */
const BOUNDS: Readonly<Record<string, (got: number, want: number, options: Case['options']) => boolean>> = {
  // Half a unit of the least double more: subnormal numbers have no relative accuracy.
  quantile: (got, want, { accuracy }) => Math.abs(got - want) <= (accuracy as number) * Math.abs(want) + 5e-324,
  // Four standard errors; of few values one or two may share a register.
  approxCountDistinct: (got, want) => Math.abs(got - want) <= Math.max(2, 0.065 * want),
  // Beyond the cap nothing is promised of so few hashes; its own test looks at more of them.
  countDistinct: (got, want, { max }) => (want > (max as number) ? got > (max as number) : got === want),
}

function expectValue(found: Case, got: Value, want: Value): void {
  const bound = BOUNDS[found.aggregate]
  const isMap = (value: Value) => typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null
  if (bound === undefined) expect(got, found.text).toEqual(want)
  else if (isMap(want)) {
    const wanted = want as Readonly<Record<string, Value>>
    expect(Object.keys(got as object), found.text).toEqual(Object.keys(wanted))
    for (const [key, value] of Object.entries(got as Readonly<Record<string, Value>>)) {
      expectValue(found, value, wanted[key] ?? null)
    }
  } else if (!bound(got as number, want as number, found.options)) {
    throw new Error(`${found.text}: ${String(got)} is too far from ${String(want)}`)
  }
}

/** That a finalised value is the naive one, or within the bound of the aggregate. */
export function expectNaive(found: Case, got: Finalised, want: ReturnType<Case['naive']>): void {
  if (want === undefined) {
    expect(got, found.text).toEqual({ value: found.computation.empty, isEmpty: true })
  } else if (isFailure(want)) expect(got, found.text).toEqual(want)
  else {
    if ('error' in got) throw new Error(`${found.text}: error ${got.error}`)
    expect(got.isEmpty, found.text).toBe(false)
    if (got.isApproximate === true) expect(Object.keys(BOUNDS), 'aggregates with a bound').toContain(found.aggregate)
    expectValue(found, got.value, want)
  }
}
