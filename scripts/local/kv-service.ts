/** A KV namespace as a service of the local runtime. */
import { join } from 'node:path'
import { root } from '../lib/paths.ts'
import type { Service } from './workerd-config.ts'

/**
 * A service that a `kv` binding may name. A socket that leads to it lets another workerd use the namespace too, as an external
 * service.
 *
 * @param name lower case letters and digits
 */
export const kvService = (name: string): Service => ({
  name,
  modules: [{ name: 'kv-namespace.js', kind: 'esModule', file: join(root, 'scripts/local/kv-namespace.js') }],
  bindings: [{ kind: 'durableObject', name: 'NAMESPACE', service: name, className: 'KvNamespace' }],
  durableObjects: ['KvNamespace'],
})

/** What the service of a binding is called. */
export const kvServiceName = (binding: string): string => binding.toLowerCase().replaceAll('_', '')
