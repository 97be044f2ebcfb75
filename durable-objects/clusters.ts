import { connectKafka, type KafkaHttp, parseConnections } from '../src/source/index.ts'

/**
 * A Kafka cluster that the secret CONNECTIONS names; one that it does not name fails at everything, and says what is missing.
 *
 * @param name who asks, as the server sees it
 */
export function clusterOf(connections: string | undefined, cluster: string, name: string): KafkaHttp {
  const connection = parseConnections(connections).kafka[cluster]
  if (connection === undefined) return noCluster(cluster)
  const [now, random] = [() => Date.now(), () => Math.random()]
  return connectKafka(connection, { fetch: (url, init) => fetch(url, init), now, random, name })
}

function noCluster(name: string): KafkaHttp {
  const failed = async () => ({
    kind: 'failed' as const,
    transient: true,
    message: `the secret CONNECTIONS has no Kafka cluster "${name}": add "kafka": {"${name}": {"dialect": ..., "url": ...}}`,
  })
  return { read: failed, offsets: failed, topic: failed, produce: failed, close: async () => {} }
}
