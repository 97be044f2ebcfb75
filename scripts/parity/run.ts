/** One run of parity over the logs of all regions. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkParity, openDuck, type ParityReport } from '../../src/offline/node/index.ts'
import type { OpenPlace } from './logs.ts'
import type { Options } from './options.ts'

/** What DuckDB may take, MB. */
const MEMORY_MB = 1_000

export async function runParity(
  places: readonly OpenPlace[],
  { service, sample, seed }: Pick<Options, 'service' | 'sample' | 'seed'>,
  span: { readonly fromMs: number; readonly toMs: number },
  onVectors?: (done: number, of: number) => void,
): Promise<ParityReport> {
  const temporary = mkdtempSync(join(tmpdir(), 'tidemark-parity-'))
  const { connection, instance } = await openDuck({ threads: 2, memoryMb: MEMORY_MB, temporary })
  try {
    return await checkParity({
      stores: places.map(({ store }) => store),
      logsOf: async (entities) => (await Promise.all(places.map((place) => place.logs(entities)))).flat(),
      instance,
      ...span,
      nowMs: Date.now(),
      service,
      sample,
      random: seeded(seed),
      ...(onVectors && { onVectors }),
    })
  } finally {
    connection.closeSync()
    instance.closeSync()
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** mulberry32 (Tommy Ettinger, public domain). */
function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
