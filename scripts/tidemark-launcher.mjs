#!/usr/bin/env node
/**
 * What `npx tidemark` starts: finds a Node that runs TypeScript files directly (the one of node_modules), and hands over.
 * Plain JavaScript, for it may be started by the machine's own, older Node.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const scripts = dirname(fileURLToPath(import.meta.url))
const command = join(scripts, 'tidemark.ts')
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const runsTypeScript = major > 22 || (major === 22 && minor >= 18)

if (runsTypeScript) {
  await import(pathToFileURL(command).href)
} else {
  const node = join(scripts, '..', 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(node)) {
    console.error(
      `tidemark: Node ${process.versions.node} cannot run TypeScript, and the repository's own Node is not installed.`,
    )
    console.error('  To mend it: npm run setup')
    process.exit(1)
  }
  const child = spawn(node, [command, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}
