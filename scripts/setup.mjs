#!/usr/bin/env node
/**
 * Installs what the repository needs, and only when something changed.
 *
 * Plain JavaScript without imports from node_modules: it runs before anything is installed, on the machine's own Node
 * (20 or newer). `--then FILE ARGS` runs a script afterwards on the Node 24 that the install brought as a devDependency:
 * `setup && node FILE` would not do on a fresh clone, for the shell remembers where it found `node` the first time.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE_MAJOR = 20
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.tidemark-setup')

/** Ends the set-up: what is wrong, where, and how to mend it. */
function fail(what, mend) {
  console.error(`tidemark setup: ${what}\n  To mend it: ${mend}`)
  process.exit(1)
}

/** One hash over everything that decides what must be installed. */
function wantedStamp() {
  const hash = createHash('sha256')
  // Of package.json only what npm installs by: a changed script is no reason to install again.
  const { dependencies, devDependencies, allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  hash.update(JSON.stringify({ dependencies, devDependencies, allowScripts }))
  const lock = join(root, 'package-lock.json')
  hash.update(existsSync(lock) ? readFileSync(lock) : 'absent')
  // Binaries are per platform: a folder shared between two machines is installed again.
  return hash.update(`${process.platform} ${process.arch}`).digest('hex')
}

function installed(stamp) {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp && existsSync(join(modules, '.bin'))
}

/** Runs npm; the output is shown only when it fails. On Windows npm is a .cmd file, which needs a shell. */
function npm(...args) {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']
  const options = { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' }
  const run = spawnSync('npm', [...args, ...quiet], options)
  if (run.error?.code === 'ENOENT') {
    fail('npm was not found on PATH.', 'install Node.js with npm (nodejs.org), then run the same command again.')
  }
  return { ok: run.status === 0, output: `${run.stdout ?? ''}${run.stderr ?? ''}`.trim() }
}

function install() {
  const locked = existsSync(join(root, 'package-lock.json'))
  const first = locked ? npm('ci') : { ok: false, output: 'package-lock.json is missing' }
  if (first.ok) return
  // `npm ci` refuses a lock file that does not fit package.json; `npm install` brings the two together.
  console.log(`tidemark setup: npm ci did not work, trying npm install (${first.output.split('\n')[0]})`)
  // Without the addresses of the registry, which differ from machine to machine.
  const second = npm('install', '--omit-lockfile-registry-resolved')
  if (second.ok) return
  const tail = second.output.split('\n').slice(-15).join('\n')
  fail(
    `npm could not install the packages in ${root}:\n${tail}`,
    'check the network and npm’s registry (npm ping), then run again.',
  )
}

/** npm links only the bins of dependencies; `npx tidemark` must work inside the repository too. */
function linkCommand() {
  const target = join(root, 'scripts', 'tidemark-launcher.mjs')
  const link = join(modules, '.bin', 'tidemark')
  rmSync(link, { force: true })
  if (process.platform === 'win32') {
    writeFileSync(`${link}.cmd`, `@node "%~dp0\\..\\..\\scripts\\tidemark-launcher.mjs" %*\r\n`)
    return
  }
  chmodSync(target, 0o755)
  symlinkSync('../../scripts/tidemark-launcher.mjs', link)
}

/** Runs a script on the repository's own Node, with this terminal, its signals and its exit code. */
function runThen(file, args) {
  const script = join(root, file)
  if (!existsSync(script)) fail(`${file} is not in this version.`, 'npm run lists the commands there are.')
  const node = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  const path = `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}`
  const child = spawn(node, [script, ...args], { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } })
  // Ctrl-C reaches the child through the terminal: a second one from here would look like impatience. Without a terminal,
  // and for the other signals, this process hands them on; in any case it waits for the child.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT')
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) =>
    fail(`${node} could not be run: ${error.message}`, 'delete node_modules/ and run again.'),
  )
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)))
}

const major = Number(process.versions.node.split('.')[0])
if (major < OLDEST_NODE_MAJOR) {
  fail(
    `Node ${process.versions.node} is too old.`,
    `install Node ${OLDEST_NODE_MAJOR} or newer (nodejs.org) and run again.`,
  )
}
const startedMs = Date.now()
if (!installed(wantedStamp())) {
  // npm would empty the folder behind the link, which may be another's; also one that is not there (yet).
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    fail(
      `${modules} is a symbolic link, and does not hold what this version needs: nothing was installed through it.`,
      'run this where the link leads to, or delete the link (not the folder behind it) and run again.',
    )
  }
  try {
    accessSync(root, constants.W_OK)
    if (existsSync(modules)) accessSync(modules, constants.W_OK)
  } catch {
    fail(
      `the folder ${root} cannot be written to.`,
      'copy or clone the repository to a folder of your own, and run there.',
    )
  }
  console.log('tidemark setup: installing packages (about 20 s, once)')
  install()
  linkCommand()
  // Taken again: npm install may have mended the lock file.
  writeFileSync(stampFile, wantedStamp())
  console.log(`tidemark setup: installed in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
} else {
  console.log(`tidemark setup: nothing to do (${Date.now() - startedMs} ms)`)
}

const then = process.argv.indexOf('--then')
if (then >= 0) runThen(process.argv[then + 1] ?? '', process.argv.slice(then + 2))
