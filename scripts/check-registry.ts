/**
 * `npx tidemark check [FILE] --registry [NAME=]URL [--subject SOURCE=SUBJECT] [--json]`: whether the newest schemas of a
 * schema registry can be taken by the sources that read them; with `--schema schema.avsc --source NAME` one that is not
 * registered yet, for the CI of a producer. Exit codes: 0 all compatible, 1 one is not, 2 it could not be checked.
 *
 * Credentials: in the URL (`https://user:password@...`), or a bearer token in TIDEMARK_REGISTRY_TOKEN.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { RegistryClient, type RegistryConnection } from '../src/contract/index.ts'
import type { SourceSpec } from '../src/engine/index.ts'
import { didYouMean } from '../src/util/did-you-mean.ts'
import { loadDefinitions } from './lib/definitions-file.ts'
import { root } from './lib/paths.ts'
import { type CheckResult, checkFile, checkSubject, exitCodeOf, report, subjectChecks } from './lib/registry-check.ts'

const DEADLINE_MS = 10_000
const { values: options, positionals } = argumentsOf()
const sources = await loadSources(resolve(positionals[0] ?? resolve(root, 'features/index.ts')))
const results = options.schema === undefined ? await checkRegistries() : [checkOneFile(options.schema)]
if (results.length === 0) {
  stop('No source reads Avro from Kafka. Name a subject to check one all the same: --subject SOURCE=SUBJECT')
}
const code = exitCodeOf(results)
console.log(options.json ? JSON.stringify({ ok: code === 0, checks: results }) : report(results))
process.exit(code)

function argumentsOf() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        registry: { type: 'string', multiple: true, default: [] },
        subject: { type: 'string', multiple: true, default: [] },
        schema: { type: 'string' },
        source: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    return stop(error instanceof Error ? error.message : String(error))
  }
}

async function loadSources(file: string): Promise<readonly SourceSpec[]> {
  try {
    return (await loadDefinitions(file)).sources
  } catch (error) {
    return stop(error instanceof Error ? error.message : String(error))
  }
}

function sourceNamed(name: string | undefined): SourceSpec {
  const source = sources.find((one) => one.name === name)
  if (source !== undefined) return source
  const names = sources.map((one) => one.name)
  return stop(
    name === undefined ? 'Say for which source: --source NAME' : `No source "${name}".${didYouMean(name, names)}`,
  )
}

function checkOneFile(file: string): CheckResult {
  if (!existsSync(file)) stop(`${file} does not exist.`)
  return checkFile(sourceNamed(options.source), file, readFileSync(file, 'utf8'))
}

async function checkRegistries(): Promise<CheckResult[]> {
  const clients = new Map(options.registry.map(clientOf))
  const subjects = new Map(options.subject.map(subjectOf))
  const named = options.source === undefined ? sources : [sourceNamed(options.source)]
  return Promise.all(
    subjectChecks(named, subjects).map((check): Promise<CheckResult> => {
      // A URL without a name is that of every registry.
      const client = clients.get(check.registry) ?? clients.get('')
      if (client !== undefined) return checkSubject(check, (subject) => client.latest(subject))
      const problem = `The URL of registry ${check.registry} is missing: --registry ${check.registry}=URL`
      return Promise.resolve({ source: check.source.name, subject: check.subject, problem })
    }),
  )
}

function subjectOf(given: string): readonly [string, string] {
  const equals = given.indexOf('=')
  if (equals < 1) stop(`--subject is SOURCE=SUBJECT; got ${given}.`)
  return [sourceNamed(given.slice(0, equals)).name, given.slice(equals + 1)]
}

function clientOf(given: string): readonly [string, RegistryClient] {
  const [, name = '', address = ''] = /^(?:([a-z][a-z0-9_]*)=)?(.*)$/.exec(given) ?? []
  if (!URL.canParse(address)) stop(`--registry is a URL, or NAME=URL; got ${given}.`)
  const url = new URL(address)
  const { username, password } = url
  const token = process.env.TIDEMARK_REGISTRY_TOKEN
  url.username = ''
  url.password = ''
  const connection: RegistryConnection = {
    url: url.href,
    ...(token !== undefined && { token }),
    ...(username !== '' && { username: decodeURIComponent(username), password: decodeURIComponent(password) }),
  }
  return [name, new RegistryClient(connection, fetchInTime)]
}

function fetchInTime(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) })
}

function stop(message: string): never {
  console.error(`tidemark check: ${message}`)
  process.exit(2)
}
