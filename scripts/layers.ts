/** The rules between the rooms, over every source file. `node scripts/layers.ts`; exits 1 with one line a violation. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { layerViolations, transactionViolations } from './lib/layer-rules.ts'
import { root } from './lib/paths.ts'

const folders = ['src', 'features', 'workers', 'durable-objects']
const present = folders.filter((folder) => existsSync(join(root, folder)))
const files = present.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
)
const violations = files.flatMap((path) => {
  const text = readFileSync(join(root, path), 'utf8')
  return [...layerViolations(path, text), ...transactionViolations(path, text)]
})

for (const { path, line, message } of violations) console.error(`${path}:${line}  ${message}`)
if (violations.length > 0) process.exit(1)
console.log(`${files.length} files keep the lines between the rooms`)
