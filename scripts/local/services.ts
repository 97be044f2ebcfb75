/** The Workers of a deploy as services of the local runtime: the same table of bindings, the same bundles. */
import type { Bundle } from './bundle.ts'
import { kvService, kvServiceName } from './kv-service.ts'
import { r2Service, r2ServiceName } from './r2-service.ts'
import type { Service, ServiceBinding } from './workerd-config.ts'

/** What it takes to run a Worker here. */
export type LocalBundle = Pick<Bundle, 'worker' | 'plan' | 'modules'>

/**
 * `secrets` by name (`TOKENS`); throws when a Worker needs one that is not given, for workerd would start without.
 * Bindings to Workers that are not in the list are left out, so that a bench can run ingest alone; and so are those to other
 * regions, but for the ones that `links` gives a service of the runtime, by the region's name. A KV namespace is a service
 * beside the Workers, unless `namespaces` gives another one for the name of its binding: that of another region's runtime. A
 * bucket of R2 is always one beside them, with its objects as files in the state folder.
 */
export function localServices(
  bundles: readonly LocalBundle[],
  secrets: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>> = {},
  namespaces: Readonly<Record<string, string>> = {},
): Service[] {
  const present = new Set(bundles.map((bundle) => bundle.worker))
  const kvBindings = new Set(
    bundles.flatMap(({ plan }) => plan.bindings.flatMap(({ kind, name }) => (kind === 'kv' ? [name] : []))),
  )
  const ownNamespaces = [...kvBindings].filter((name) => namespaces[name] === undefined)
  const buckets = new Map(
    bundles.flatMap(({ plan }) =>
      plan.bindings.flatMap((binding) => (binding.kind === 'r2' ? [[binding.name, binding.bucket] as const] : [])),
    ),
  )
  const workers = bundles.map(
    ({ worker, plan, modules }): Service => ({
      name: worker,
      modules,
      durableObjects: plan.durableObjects,
      // What the secret leads to (brokers, registries, online stores) stands on this machine in tests and trials.
      ...(plan.bindings.some(({ name }) => name === 'CONNECTIONS') && { outbound: 'private' as const }),
      bindings: plan.bindings.flatMap((binding): ServiceBinding[] => {
        switch (binding.kind) {
          case 'text':
            return [binding]
          case 'secret': {
            const value = secrets[binding.name]
            if (value === undefined)
              throw new Error(`The Worker "${worker}" needs the secret ${binding.name}: give it to localServices.`)
            return [{ kind: 'text', name: binding.name, value }]
          }
          case 'service': {
            const { name, worker: service, entrypoint, region } = binding
            if (region !== undefined) {
              // The entrypoint is what its socket leads to: an external service has none.
              const link = links[region]
              return link === undefined ? [] : [{ kind: 'service', name, service: link }]
            }
            if (!present.has(service)) return []
            return [{ kind: 'service', name, service, ...(entrypoint === undefined ? {} : { entrypoint }) }]
          }
          case 'kv': {
            const { name } = binding
            return [{ kind: 'kv', name, service: namespaces[name] ?? kvServiceName(name) }]
          }
          case 'r2':
            return [{ kind: 'r2', name: binding.name, service: r2ServiceName(binding.name) }]
          case 'durableObject': {
            if (!present.has(binding.worker)) return []
            return [
              { kind: 'durableObject', name: binding.name, service: binding.worker, className: binding.className },
            ]
          }
        }
      }),
    }),
  )
  return [
    ...workers,
    ...ownNamespaces.map((name) => kvService(kvServiceName(name))),
    ...[...buckets].map(([name, bucket]) => r2Service(r2ServiceName(name), bucket)),
  ]
}
