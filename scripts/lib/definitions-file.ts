/** The definitions that a file exports. */
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { UsageError } from './usage-error.ts'

interface Declared {
  readonly spec?: DefinitionsSpec
}

/** `definitions`, the default export, or what an app (`export const app = { definitions, regions }`) is made of. */
interface Loaded {
  readonly definitions?: Declared
  readonly default?: Declared
  readonly app?: { readonly definitions?: Declared }
}

/** Loads a file, which declares what is in it. Throws a {@link UsageError}. */
export async function loadDefinitions(file: string): Promise<DefinitionsSpec> {
  const shown = relative(process.cwd(), file)
  if (!existsSync(file)) throw new UsageError(`${shown} does not exist. Name the file that exports the definitions.`)
  let loaded: Loaded
  try {
    loaded = (await import(pathToFileURL(file).href)) as Loaded
  } catch (error) {
    throw new UsageError(`${shown} is not right: ${error instanceof Error ? error.message : String(error)}`)
  }
  const spec = (loaded.definitions ?? loaded.default ?? loaded.app?.definitions)?.spec
  if (spec !== undefined) return spec
  throw new UsageError(`${shown} exports no definitions. Add: export default definitions({ services: [...] })`)
}
