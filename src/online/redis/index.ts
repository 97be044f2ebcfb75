import type { StoreAdapter } from '../store.ts'
import { RedisStore } from './redis-store.ts'

export { REDIS_PREFIX, RedisStore, type RedisStoreOptions } from './redis-store.ts'

/** Opens the Redis of a place; throws when the place has no connection, or one without a token. */
export const openRedis: StoreAdapter = ({ region, spec, connection }) => {
  if (connection === undefined) throw new Error(`The store ${region}/${spec.name} has no connection.`)
  if (connection.token === undefined)
    throw new Error(`The connection of the store ${region}/${spec.name} has no token.`)
  return new RedisStore(connection, { name: `${region}/${spec.name}` })
}
