/** The definitions as the lookup Worker has them: as data, so that its bundle holds neither the definition language nor zod. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { definitions } from '../../features/index.ts'
import { canonicalJson } from '../../src/util/canonical-json.ts'
import { root } from './paths.ts'

export const LOOKUP_DEFINITIONS = 'workers/lookup/definitions.ts'

/** The text of the generated module. */
export function lookupDefinitionsModule(): string {
  // A text, which V8 parses several times faster than the same as a program; and it is never split over lines.
  const text = JSON.stringify(canonicalJson(definitions.spec))
    .replaceAll("'", "\\'")
    .slice(1, -1)
    .replaceAll('\\"', '"')
  return `// Generated from features/ by \`npm run generate\`. Do not edit.
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { parseCanonicalJson } from '../../src/util/canonical-json.ts'

const spec =
  // biome-ignore format: one text
  '${text}'

/** What features/ declares, as data. */
export const definitions = { spec: parseCanonicalJson(spec) as DefinitionsSpec }
`
}

/** Writes the module where features/ has changed: before a bundle, so that a lookup never has other definitions than the shards. */
export async function refreshLookupDefinitions(): Promise<void> {
  const file = join(root, LOOKUP_DEFINITIONS)
  const text = lookupDefinitionsModule()
  if ((await readFile(file, 'utf8').catch(() => '')) !== text) await writeFile(file, text)
}
