/** `npm run peers`: installs, starts and ends the real systems that the interop tests speak with. */
import { installPeer, isInstalled, type Say } from './peers/install.ts'
import { PEERS_HELP, type PeersOptions, parsePeersOptions, UsageError } from './peers/options.ts'
import { end, recall } from './peers/registry.ts'
import { startPeers } from './peers/up.ts'

try {
  const options = parsePeersOptions(process.argv.slice(2))
  if (options === 'help') console.log(PEERS_HELP)
  else {
    const result = await follow(options, options.json ? () => {} : say)
    if (options.json) console.log(JSON.stringify(result))
  }
} catch (error) {
  console.error(`peers: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}

async function follow({ command, peers }: PeersOptions, say: Say): Promise<object> {
  switch (command) {
    case 'install': {
      for (const peer of peers) await installPeer(peer, say)
      return { installed: peers }
    }
    case 'up':
      return { running: await startPeers(peers, say) }
    case 'down': {
      const running = peers.flatMap((peer) => recall(peer) ?? []).reverse()
      for (const peer of running) {
        await end(peer)
        say(`${peer.name}: ended`)
      }
      if (running.length === 0) say('Nothing that `up` has started is running.')
      return { ended: running.map(({ name }) => name) }
    }
    case 'status': {
      const states = peers.map((name) => ({ name, installed: isInstalled(name), running: recall(name) ?? null }))
      for (const { name, installed, running } of states)
        say(
          `${name}: ${running === null ? (installed ? 'installed' : 'not installed') : `${running.address} (pid ${running.pid})`}`,
        )
      return { peers: states }
    }
  }
}

/** On a terminal a line of progress stays in its place. */
function say(line: string, progress = false): void {
  if (!process.stdout.isTTY) {
    if (!progress) console.log(line)
    return
  }
  process.stdout.write(progress ? `\r\u001b[K${line}` : `\r\u001b[K${line}\n`)
}
