/** `npm run kafka-http-bridge`: any Kafka, read and written over HTTP by what cannot speak Kafka's own protocol. */
import { HELP, parseOptions, UsageError } from './kafka-http-bridge/options.ts'
import { startBridge } from './kafka-http-bridge/server.ts'

try {
  const options = parseOptions(process.argv.slice(2), process.env)
  if (options === 'help') console.log(HELP)
  else {
    const bridge = await startBridge(options)
    console.log(`kafka-http-bridge: ${options.cluster.brokers.join(', ')} on ${bridge.url}, until Ctrl-C`)
    const health = await fetch(`${bridge.url}/health`)
    const { error } = (await health.json()) as { readonly error?: string }
    if (error !== undefined) console.log(`kafka-http-bridge: the cluster does not answer yet: ${error}`)
    const end = () => void bridge.close().then(() => process.exit(0))
    process.once('SIGINT', end)
    process.once('SIGTERM', end)
  }
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`kafka-http-bridge: ${error.message}`)
    process.exit(2)
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error
  console.error(
    `kafka-http-bridge: that address cannot be listened on (${code}). Choose another with --port or --host.`,
  )
  process.exit(1)
}
