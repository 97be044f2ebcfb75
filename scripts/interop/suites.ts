/** Which files there are, which peers each needs, and which of those can be had here. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from '../lib/paths.ts'
import { isInstalled } from '../peers/install.ts'
import { javaAtLeast } from '../peers/java.ts'
import { MAVEN_PEERS, type MavenPeerName, type PeerName, USUAL_PEERS } from '../peers/versions.ts'

export interface InteropFile {
  /** From the repository's root. */
  readonly path: string
  readonly needs: readonly PeerName[]
}

/** How a file of tests shows what it needs: by what it calls of `test/interop/peers.ts` and `scripts/peers`. */
const SIGNS: Readonly<Record<PeerName, RegExp>> = {
  kafka: /\b(?:kafkaPeer|connectPeer|startKafka)\(/,
  postgres: /\b(?:postgresPeer|startPostgres)\(/,
  debezium: /\b(?:connectPeer|startConnect)\(/,
  'debezium-server': /\bstartDebeziumServer\(/,
  apicurio: /\b(?:apicurioPeer|startApicurio)\(/,
  redis: /\b(?:startRedis|TestStores\.start)\(/,
  'redis-rest': /\b(?:startRedis|TestStores\.start)\(/,
  libsql: /\b(?:startLibsql|TestStores\.start)\(/,
}

export function interopFiles(): InteropFile[] {
  const folder = join(root, 'test', 'interop')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.interop.ts'))
    .sort()
    .map((file) => {
      const path = join(folder, file)
      const text = readFileSync(path, 'utf8')
      const needs = (Object.keys(SIGNS) as PeerName[]).filter((peer) => SIGNS[peer].test(text))
      return { path: relative(root, path), needs }
    })
}

const isMaven = (peer: PeerName): peer is MavenPeerName => Object.hasOwn(MAVEN_PEERS, peer)

/**
 * Why a peer is not used, or undefined when it is: the large ones are never downloaded by a quick run, and want a newer Java.
 */
export function missing(peer: PeerName, quick: boolean): string | undefined {
  if (USUAL_PEERS.includes(peer) || !isMaven(peer)) return undefined
  const { leastJava, megabytes } = MAVEN_PEERS[peer]
  try {
    javaAtLeast(leastJava)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  if (!quick || isInstalled(peer)) return undefined
  return `${peer} is not installed, and a quick run does not download its ${megabytes} MB (npm run peers -- install ${peer})`
}
