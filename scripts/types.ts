/** Type checks every TypeScript project of the repository, side by side. Exits 1 when one does not pass. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { binary, root } from './lib/paths.ts'
import { run } from './lib/run.ts'

/** Workers and library against the Workers runtime; commands and tests against Node; tests inside of workerd. */
const projects = [
  '.',
  'scripts',
  'scripts/bench/app',
  'test',
  'test/workers',
  'test/interop/app',
  'examples',
  'examples/storefront/app',
].filter((folder) => existsSync(join(root, folder, 'tsconfig.json')))

const results = await Promise.all(projects.map((folder) => run(binary('tsc'), ['-p', folder, '--pretty', 'false'])))
results.forEach((result, index) => {
  if (!result.ok) console.error(`${projects[index]}/tsconfig.json\n${result.output.trim()}`)
})
if (results.some((result) => !result.ok)) process.exit(1)
