import type { KafkaHttpEnvironment } from './http-call.ts'
import type { KafkaConnection, KafkaHttp } from './kafka-http.ts'
import { connectRedpanda } from './redpanda.ts'
import { connectRestConsumer } from './rest-consumer.ts'
import { REST_DIALECTS } from './rest-dialects.ts'
import { connectUpstash } from './upstash.ts'

/**
 * The cluster behind a connection, in its dialect. Sends nothing yet.
 *
 * @example
 * const kafka = connectKafka(
 *   { dialect: 'upstash', url: 'http://127.0.0.1:8090', token: 'local' },
 *   { fetch: (url, init) => fetch(url, init), now: () => Date.now(), random: () => Math.random(), name: 'tidemark' },
 * )
 * const page = await kafka.read({ topic: 'user_activity', partition: 0, offset: 0, maxBytes: 1_000_000, waitMs: 5_000 })
 */
export function connectKafka(connection: KafkaConnection, environment: KafkaHttpEnvironment): KafkaHttp {
  switch (connection.dialect) {
    case 'upstash':
      return connectUpstash(connection, environment)
    case 'redpanda':
      return connectRedpanda(connection, environment)
    default:
      return connectRestConsumer(connection, environment, REST_DIALECTS[connection.dialect])
  }
}
