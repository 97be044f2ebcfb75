/** The size of what is deployed: cold starts follow it. */
import { bundleWorkers } from '../local/bundle.ts'
import type { Result } from './rows.ts'

export async function* bundle(): AsyncGenerator<Result> {
  const [lookup] = await bundleWorkers({ workers: ['lookup'] })
  if (lookup === undefined) throw new Error('there is no Worker "lookup" to bundle')
  const note = 'gzip, as wrangler bundles it with the definitions of features/'
  yield { name: 'bundle.lookup_kib', value: lookup.gzipBytes / 1024, unit: 'KiB', note }
}
