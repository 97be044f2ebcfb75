import { RegistryClient } from '../src/contract/index.ts'
import type { KafkaIntake, SourceSpec } from '../src/engine/index.ts'
import { type Connections, SchemaLearner } from '../src/source/index.ts'

const REGISTRY_MS = 10_000
const fetchInTime = (url: string, init: RequestInit): Promise<Response> =>
  fetch(url, { ...init, signal: AbortSignal.timeout(REGISTRY_MS) })

/** The decoder of a topic's records, with the registries of the secret CONNECTIONS behind it. */
export function learnerOf(
  source: SourceSpec,
  intake: KafkaIntake,
  partition: number,
  { registries }: Connections,
): SchemaLearner {
  const clients = new Map(
    Object.entries(registries).map(([name, registry]) => [name, new RegistryClient(registry, fetchInTime)]),
  )
  return new SchemaLearner({
    source,
    intake,
    partition,
    registryOf: (name) => clients.get(name),
    now: () => Date.now(),
  })
}
