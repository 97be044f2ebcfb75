/** What an entity takes, as its canonical bytes: what memory, storage and every checkpoint are made of. */
import { MONTH_DAYS, meanBytes } from './engine.ts'
import type { BenchOptions, Result } from './rows.ts'

export async function* state({ quick, say }: BenchOptions): AsyncGenerator<Result> {
  const what = '8 features in 5 windows, canonical bytes'
  yield {
    name: 'state.bytes',
    value: meanBytes(64, 50 * MONTH_DAYS),
    unit: 'B',
    note: `${what}; 50 events a day for 30 days`,
  }
  const many = quick ? 100_000 : 1_000_000
  say(`state: states of ${many} events`)
  yield { name: 'state.hot_bytes', value: meanBytes(2, many), unit: 'B', note: `${what}; ${many} events in 30 days` }
}
