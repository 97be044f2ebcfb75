/** What each peer is made of: Maven coordinates, all from the Maven registry, and the Java it wants. */

/** `redis-rest` is the server of Upstash's REST interface before `redis`, and comes with it. */
export type PeerName = MavenPeerName | 'postgres' | 'redis' | 'redis-rest' | 'libsql'
export type MavenPeerName = 'kafka' | 'debezium' | 'debezium-server' | 'apicurio'

export const PEER_NAMES: readonly PeerName[] = [
  'kafka',
  'postgres',
  'debezium',
  'debezium-server',
  'apicurio',
  'redis',
  'redis-rest',
  'libsql',
]

/** The peers of the usual suite: small, and content with JDK 17. */
export const USUAL_PEERS: readonly PeerName[] = ['kafka', 'postgres', 'debezium']

const KAFKA = '4.3.1'
// Kafka 4.3 is built against slf4j 1.7: with a binding of 2.x its log stays empty.
const SLF4J = '1.7.36'

/** Jars in `lib/`, with what they depend on. */
export interface JarsPeer {
  readonly kind: 'jars'
  /** The folder in `.tidemark/peers`: a new version is a new folder. */
  readonly folder: string
  /** `group:artifact:version` */
  readonly artifacts: readonly string[]
  readonly leastJava: number
  readonly megabytes: number
}

/** One archive, unpacked. */
export interface ArchivePeer {
  readonly kind: 'archive'
  readonly folder: string
  /** `group:artifact:version:tar.gz[:classifier]` */
  readonly artifact: string
  readonly leastJava: number
  readonly megabytes: number
}

export const MAVEN_PEERS: Readonly<Record<MavenPeerName, JarsPeer | ArchivePeer>> = {
  kafka: {
    kind: 'jars',
    folder: `kafka-${KAFKA}`,
    artifacts: [
      `org.apache.kafka:kafka_2.13:${KAFKA}`,
      `org.apache.kafka:kafka-tools:${KAFKA}`,
      `org.slf4j:slf4j-simple:${SLF4J}`,
    ],
    leastJava: 17,
    megabytes: 54,
  },
  debezium: {
    kind: 'jars',
    folder: 'debezium-3.7.0',
    artifacts: [
      `org.apache.kafka:connect-runtime:${KAFKA}`,
      `org.apache.kafka:connect-json:${KAFKA}`,
      'io.debezium:debezium-connector-postgres:3.7.0.Final',
      `org.slf4j:slf4j-simple:${SLF4J}`,
    ],
    leastJava: 17,
    megabytes: 93,
  },
  'debezium-server': {
    kind: 'archive',
    folder: 'debezium-server-3.6.0',
    artifact: 'io.debezium:debezium-server-dist:3.6.0.Final:tar.gz',
    leastJava: 21,
    megabytes: 745,
  },
  apicurio: {
    kind: 'archive',
    folder: 'apicurio-3.3.3',
    artifact: 'io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all',
    leastJava: 21,
    megabytes: 151,
  },
}
