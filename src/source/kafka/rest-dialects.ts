/**
 * In what the REST v2 proxies with server-side consumers differ. Strimzi is measured on Bridge 0.33.1; Confluent and
 * Karapace follow their sources and documentation.
 */
export interface RestDialect {
  readonly name: string
  /** What a consumer instance is created with, besides its name. Strimzi refuses properties that it does not know. */
  readonly instance: Readonly<Record<string, string | number | boolean>>
  /**
   * How an offset that is not there shows. `error`: with `auto.offset.reset: none` the poll's 500 names the exception.
   * `silently`: the consumer goes on somewhere else; a page that is empty or begins later is compared with the offsets.
   */
  readonly outOfRange: 'error' | 'silently'
  /** `max_bytes` refuses a larger page with 422 (Strimzi) instead of cutting it: only a large one makes sense. */
  readonly maxBytesRefuses: boolean
  /** A seek leaves records in the server's buffer, so going back or leaping takes a new instance. */
  readonly bufferSurvivesSeek: boolean
  /** Records can be written with headers. */
  readonly writesHeaders: boolean
}

/** Confluent ends a long poll after one second unless the instance is created with more. */
const LONGEST_POLL_MS = 60_000

export const REST_DIALECTS = {
  strimzi: {
    name: 'Strimzi Kafka Bridge',
    instance: {
      format: 'binary',
      'auto.offset.reset': 'none',
      'enable.auto.commit': false,
      'isolation.level': 'read_committed',
    },
    outOfRange: 'error',
    maxBytesRefuses: true,
    bufferSurvivesSeek: false,
    writesHeaders: true,
  },
  confluent: {
    name: 'Confluent REST Proxy',
    instance: {
      format: 'binary',
      'auto.offset.reset': 'earliest',
      'auto.commit.enable': 'false',
      'consumer.request.timeout.ms': String(LONGEST_POLL_MS),
    },
    outOfRange: 'silently',
    maxBytesRefuses: false,
    bufferSurvivesSeek: true,
    writesHeaders: false,
  },
  karapace: {
    name: 'Karapace',
    instance: {
      format: 'binary',
      'auto.offset.reset': 'earliest',
      'auto.commit.enable': 'false',
      'consumer.request.timeout.ms': LONGEST_POLL_MS,
    },
    outOfRange: 'silently',
    maxBytesRefuses: false,
    bufferSurvivesSeek: true,
    writesHeaders: false,
  },
} as const satisfies Readonly<Record<string, RestDialect>>
