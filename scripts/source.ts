/**
 * `npx tidemark source NAME --debezium [--server]`: what Debezium has to be told to send what the source takes. The settings
 * on stdout, what else there is to do on stderr. Exit codes: 0 done, 2 the command line or the declaration does not allow it.
 */
import { didYouMean } from '../src/util/did-you-mean.ts'
import { loadDefinitions } from './lib/definitions-file.ts'
import { UsageError } from './lib/usage-error.ts'
import { captureOf } from './source/capture.ts'
import { connectorOf, propertiesText, serverProperties } from './source/connector.ts'
import { hintsOf } from './source/hints.ts'
import { parseOptions } from './source/options.ts'

try {
  const options = parseOptions(process.argv.slice(2))
  const { sources } = await loadDefinitions(options.definitions)
  const source = sources.find(({ name }) => name === options.source)
  if (source === undefined) {
    const names = sources.map(({ name }) => name)
    throw new UsageError(`there is no source "${options.source}".${didYouMean(options.source, names)}`)
  }
  const capture = captureOf(source, options)
  const isServer = options.output === 'server'
  console.log(
    isServer
      ? propertiesText(serverProperties(capture, options))
      : JSON.stringify(connectorOf(capture, options), null, 2),
  )
  for (const line of hintsOf(capture, options)) console.error(line)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`tidemark source: ${error.message}`)
  process.exitCode = 2
}
