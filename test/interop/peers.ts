/** Where the peers are that `npm run test:interop` has started. */

function address(variable: string, what: string): string {
  const value = process.env[variable]
  if (value === undefined || value === '')
    throw new Error(`${what} was not started (${variable} is not set). Run npm run test:interop, not vitest.`)
  return value
}

/** `host:port` of a Kafka broker. Tests make topics of their own; none may stop it. */
export function kafkaPeer(): string {
  return address('TIDEMARK_KAFKA', 'Kafka')
}

/** `host:port` of a PostgreSQL; user `postgres`, no password. Tests make databases of their own. */
export function postgresPeer(): string {
  return address('TIDEMARK_POSTGRES', 'PostgreSQL')
}

/** The URL of Kafka Connect's REST interface, with Debezium's PostgreSQL connector. */
export function connectPeer(): string {
  return address('TIDEMARK_CONNECT', 'Kafka Connect')
}

/** The URL of an Apicurio Registry. */
export function apicurioPeer(): string {
  return address('TIDEMARK_APICURIO', 'Apicurio')
}

/** A folder that is deleted when the run ends. */
export function interopFolder(): string {
  return address('TIDEMARK_INTEROP_FOLDER', 'The run')
}
