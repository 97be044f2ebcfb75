import type { Aggregate } from '../aggregate.ts'
import { avg } from './avg.ts'
import { count } from './count.ts'
import { max, min } from './extremum.ts'
import { latest } from './latest.ts'
import { rate } from './rate.ts'
import { sum } from './sum.ts'

/** Every aggregate by its name. A new one is one file and one line here. */
export const aggregates: Readonly<Record<string, Aggregate>> = { count, sum, avg, min, max, latest, rate }
