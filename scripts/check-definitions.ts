/**
 * `npx tidemark check [FILE] [--regions FILE] [--json]`: loads the definitions, which declares them, and a mistake is an error
 * when it is declared; then looks whether regions.ts routes their sources to regions that there are. Prints what was found.
 * Exit codes: 0 all well, 1 a definition or a routing is wrong, 2 a file was not found.
 * With `--registry` or `--schema` it is about schemas of writers: see check-registry.ts.
 */
import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { DefinitionsSpec } from '../src/engine/index.ts'
import { Plan, type Region, type Routing, routingProblems } from '../src/plan/index.ts'
import { root } from './lib/paths.ts'

const isAboutSchemas = process.argv.some((argument) => /^--(?:registry|schema)(?:=|$)/.test(argument))
if (isAboutSchemas) await import('./check-registry.ts')

const kinds = ['entities', 'sources', 'views', 'services'] as const
const one = { entities: 'entity', sources: 'source', views: 'view', services: 'service' }
const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, regions: { type: 'string' } },
  allowPositionals: true,
  strict: false,
})
const json = values.json === true
const given = positionals[0]
const file = given === undefined ? resolve(root, 'features/index.ts') : resolve(given)
const shown = relative(process.cwd(), file)
// Other definitions than those of this repository run in other regions: these are only looked at when they are named.
const regionsFile =
  typeof values.regions === 'string'
    ? resolve(values.regions)
    : given === undefined
      ? resolve(root, 'regions.ts')
      : null

for (const [path, what] of [
  [file, 'exports `definitions`: npx tidemark check features/index.ts'],
  [regionsFile, 'exports `regions`: npx tidemark check --regions regions.ts'],
] as const) {
  if (path === null || existsSync(path)) continue
  const missing = relative(process.cwd(), path)
  finish(2, { ok: false, file: missing, message: `${missing} does not exist. Name the file that ${what}` })
}
try {
  const loaded: unknown = await import(pathToFileURL(file).href)
  const counts = countsOf(loaded)
  if (counts === undefined) {
    finish(1, {
      ok: false,
      file: shown,
      message: `${shown} exports no definitions. Add: export default definitions({ services: [...] })`,
    })
  }
  const problems = regionsFile === null ? [] : await routingOfRegions(specOf(loaded), regionsFile)
  if (problems.length > 0)
    finish(1, { ok: false, file: relative(process.cwd(), regionsFile ?? ''), message: problems.join('\n') })
  finish(0, { ok: true, file: shown, counts })
} catch (error) {
  const expected = error instanceof Error && error.name === 'DefinitionError'
  const message = expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
  finish(1, { ok: false, file: shown, message })
}

type Report = { ok: true; file: string; counts: Record<string, number> } | { ok: false; file: string; message: string }

function finish(code: number, report: Report): never {
  if (json) console.log(JSON.stringify(report))
  else if (report.ok) console.log(`${report.file} is right: ${sentence(report.counts)}`)
  else console.error(`${report.file} is not right:\n  ${report.message.replaceAll('\n', '\n  ')}`)
  process.exit(code)
}

function sentence(counts: Record<string, number>): string {
  return kinds.map((kind) => `${counts[kind]} ${counts[kind] === 1 ? one[kind] : kind}`).join(', ')
}

/** What is wrong with how regions.ts routes the sources. */
async function routingOfRegions(spec: DefinitionsSpec, path: string): Promise<string[]> {
  const { regions, routing = {} } = (await import(pathToFileURL(path).href)) as {
    readonly regions: readonly Region[]
    readonly routing?: Routing
  }
  return routingProblems(new Plan(spec).sources, regions, routing)
}

function specOf(loaded: unknown): DefinitionsSpec {
  return property(property(loaded, 'definitions') ?? property(loaded, 'default'), 'spec') as DefinitionsSpec
}

/** How many of each kind the export `definitions`, or the default one, declares; undefined when there is neither. */
function countsOf(loaded: unknown): Record<string, number> | undefined {
  const spec = property(property(loaded, 'definitions') ?? property(loaded, 'default'), 'spec')
  if (spec === undefined) return undefined
  return Object.fromEntries(kinds.map((kind) => [kind, Object.keys(property(spec, kind) ?? {}).length]))
}

function property(value: unknown, name: string): object | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return typeof found === 'object' && found !== null ? found : undefined
}
