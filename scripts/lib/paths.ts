/** Places of the repository, whatever the current directory is. */
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

/** Everything that scripts keep between runs (bundles, local state, logs); ignored by git, safe to delete. */
export const cacheFolder = join(root, '.tidemark')

/** A binary of node_modules, by name. */
export function binary(name: string): string {
  return join(root, 'node_modules', '.bin', name)
}
