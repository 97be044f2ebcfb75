/** An R2 bucket as a service of the local runtime. */
import { join } from 'node:path'
import { root } from '../lib/paths.ts'
import type { Service } from './workerd-config.ts'

/** Where the objects of a bucket lie in a state folder, each a file under its key. */
export const bucketFolder = (bucket: string): string => `r2/${bucket}`

/** What the service of a binding is called. */
export const r2ServiceName = (binding: string): string => `r2${binding.toLowerCase().replaceAll('_', '')}`

/** A service that an `r2` binding may name. `name`: lower case letters and digits. */
export const r2Service = (name: string, bucket: string): Service => ({
  name,
  modules: [{ name: 'r2-bucket.js', kind: 'esModule', file: join(root, 'scripts/local/r2-bucket.js') }],
  bindings: [{ kind: 'durableObject', name: 'BUCKET', service: name, className: 'R2BucketOfFiles' }],
  durableObjects: ['R2BucketOfFiles'],
  folder: { binding: 'DISK', path: bucketFolder(bucket) },
})
