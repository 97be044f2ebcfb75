/** Brings a peer onto this machine: jars and archives with Maven into `.tidemark/peers`, PostgreSQL and Redis with apt-get. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../lib/paths.ts'
import { run } from '../lib/run.ts'
import { javaAtLeast } from './java.ts'
import { postgresBinaries } from './postgres.ts'
import { hasRedis } from './redis.ts'
import { type ArchivePeer, type JarsPeer, MAVEN_PEERS, type MavenPeerName, type PeerName } from './versions.ts'

export const peersFolder = join(cacheFolder, 'peers')

/** Gets one short line now and then; with `progress` it replaces the line before. */
export type Say = (line: string, progress?: boolean) => void

/** Where a peer that comes by Maven lives once it is installed. */
export function peerFolder(peer: MavenPeerName): string {
  return join(peersFolder, MAVEN_PEERS[peer].folder)
}

/** Peers that come with `npm install`, as our own servers do. */
const comesWithUs = (peer: PeerName): peer is 'redis-rest' | 'libsql' => peer === 'redis-rest' || peer === 'libsql'

export function isInstalled(peer: PeerName): boolean {
  if (comesWithUs(peer)) return true
  if (peer === 'postgres') return postgresBinaries() !== undefined
  if (peer === 'redis') return hasRedis()
  return existsSync(join(peerFolder(peer), 'complete')) && readStamp(peer) === stampOf(peer)
}

/** What would be installed; a change of a version in place is noticed by it. */
function stampOf(peer: MavenPeerName): string {
  return JSON.stringify(MAVEN_PEERS[peer])
}

function readStamp(peer: MavenPeerName): string {
  return readFileSync(join(peerFolder(peer), 'complete'), 'utf8')
}

/**
 * Installs a peer when it is not there yet. Throws with what to do when Maven, apt-get or a Java is missing.
 *
 * @example await installPeer('kafka', (line) => console.log(line))
 */
export async function installPeer(peer: PeerName, say: Say): Promise<void> {
  if (comesWithUs(peer) || isInstalled(peer)) {
    say(`${peer}: installed`)
    return
  }
  const startedMs = Date.now()
  if (peer === 'postgres' || peer === 'redis') await installDebian(peer, say)
  else await installFromMaven(peer, MAVEN_PEERS[peer], say)
  say(`${peer}: installed in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
}

async function installFromMaven(name: MavenPeerName, peer: JarsPeer | ArchivePeer, say: Say): Promise<void> {
  javaAtLeast(peer.leastJava)
  say(`${name}: downloading about ${peer.megabytes} MB`)
  const folder = join(peersFolder, `${peer.folder}.${process.pid}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, 'pom.xml'), peer.kind === 'jars' ? pomOfJars(peer) : pomOfArchive(peer, folder))
    await maven(name, folder, peer.kind === 'jars' ? copyJars(folder) : ['generate-resources'], say)
    writeFileSync(join(folder, 'complete'), stampOf(name))
    rmSync(peerFolder(name), { recursive: true, force: true })
    renameSync(folder, peerFolder(name))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function copyJars(folder: string): string[] {
  return ['dependency:copy-dependencies', `-DoutputDirectory=${join(folder, 'lib')}`, '-DincludeScope=runtime']
}

async function maven(name: string, folder: string, goals: readonly string[], say: Say): Promise<void> {
  let files = 0
  const { ok, output } = await run('mvn', ['-B', '-f', join(folder, 'pom.xml'), ...goals], {
    cwd: folder,
    onOutput: (text) => {
      const more = text.match(/^.*Downloaded from.*\.(?:jar|gz)\b/gm)?.length ?? 0
      files += more
      if (more > 0) say(`${name}: ${files} files downloaded`, true)
    },
  })
  if (ok) return
  if (/could not be started/.test(output))
    throw new Error(`Maven (mvn) was not found. Install it, for example apt-get install maven, and run again.`)
  const errors = output.split('\n').filter((line) => line.includes('ERROR'))
  throw new Error(`Maven could not download ${name}:\n${errors.slice(0, 8).join('\n')}\nCheck the network, then again.`)
}

function pomOfJars({ artifacts }: JarsPeer): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`
  })
  return pom(`<dependencies>${dependencies.join('')}</dependencies>`)
}

/** The archive is unpacked by Maven's own plugin, so that no tar is needed. */
function pomOfArchive({ artifact }: ArchivePeer, folder: string): string {
  const [group, id, version, type, classifier] = artifact.split(':')
  const item = [
    `<groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version><type>${type}</type>`,
    classifier === undefined ? '' : `<classifier>${classifier}</classifier>`,
    `<outputDirectory>${folder}</outputDirectory>`,
  ].join('')
  return pom(`<build><plugins><plugin><artifactId>maven-dependency-plugin</artifactId><executions><execution>
<phase>generate-resources</phase><goals><goal>unpack</goal></goals>
<configuration><artifactItems><artifactItem>${item}</artifactItem></artifactItems></configuration>
</execution></executions></plugin></plugins></build>`)
}

function pom(inside: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tidemark</groupId><artifactId>peer</artifactId><version>1</version><packaging>pom</packaging>
${inside}
</project>
`
}

/** What comes with apt-get: its package, and whether it is there. */
const DEBIAN = {
  postgres: { title: 'PostgreSQL', packageName: 'postgresql-15', isThere: () => postgresBinaries() !== undefined },
  redis: { title: 'Redis', packageName: 'redis-server', isThere: hasRedis },
} as const

async function installDebian(peer: keyof typeof DEBIAN, say: Say): Promise<void> {
  const { title, packageName, isThere } = DEBIAN[peer]
  say(`${peer}: apt-get install ${packageName}`)
  const environment = { env: { DEBIAN_FRONTEND: 'noninteractive' } }
  await run('apt-get', ['update', '-qq'], environment)
  const install = ['install', '-y', '-qq', '--no-install-recommends', packageName]
  const { ok, output } = await run('apt-get', install, environment)
  if (ok && isThere()) return
  const tail = output.trim().split('\n').slice(-5).join('\n')
  throw new Error(`${title} could not be installed with apt-get:\n${tail}\nInstall ${packageName} by hand, as root.`)
}
