/** The engine as one file that Spark ships to its machines. */
import { binary } from '../lib/paths.ts'
import { run } from '../lib/run.ts'

/** The esbuild of Wrangler. Without `--ignore-annotations` it drops what apache-arrow's files do when they are loaded. */
export async function bundleChild(entry: string, target: string): Promise<void> {
  const { ok, output } = await run(binary('esbuild'), [
    entry,
    ...[
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--target=node20',
      '--ignore-annotations',
      '--log-level=warning',
    ],
    `--outfile=${target}`,
  ])
  if (!ok) throw new Error(`the engine could not be bundled for Spark:\n${output.trim()}`)
}
